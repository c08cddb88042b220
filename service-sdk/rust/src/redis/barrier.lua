-- The barrier around `business`, as one script, so that nothing comes between.
-- KEYS: own place, place of the op that this one undoes, kept reply, then those of the business.
-- ARGV: 1 if it undoes something, 1 if a refusal is kept, seconds until all of it is forgotten, then those of the business.
-- Returns what it came to, and the reply with `+`, or the refusal with `-`, before it.
local place, origin, kept = KEYS[1], KEYS[2], KEYS[3]
local undoes, keeps, expiry = ARGV[1] == '1', ARGV[2] == '1', ARGV[3]

local reply = redis.call('GET', kept)
if reply then
    return { 'repeat', reply }
end
local holder = redis.call('GET', place)
if holder then
    return { holder == 'rollback' and 'late' or 'repeat' }
end
if undoes and redis.call('EXISTS', origin) == 0 then
    redis.call('SET', place, 'op', 'EX', expiry)
    redis.call('SET', origin, 'rollback', 'EX', expiry)
    return { 'empty' }
end

local answer = business({ unpack(KEYS, 4) }, { unpack(ARGV, 4) })
if type(answer) == 'table' and answer.err then
    return answer
end
if type(answer) == 'table' and answer.refusal then
    local refusal = '-' .. text(answer.refusal)
    if keeps then
        redis.call('SET', kept, refusal, 'EX', expiry)
    end
    return { 'ran', refusal }
end
reply = '+' .. text(answer)
redis.call('SET', place, 'op', 'EX', expiry)
redis.call('SET', kept, reply, 'EX', expiry)
return { 'ran', reply }
