-- Adds ARGV[1] to the number at KEYS[1], unless there is none or it would fall below zero.
local value = redis.call('GET', KEYS[1])
if not value then
    return refuse('there is no ' .. KEYS[1])
end
if value + ARGV[1] < 0 then
    return refuse(KEYS[1] .. ' has ' .. value .. ' only')
end
return redis.call('INCRBY', KEYS[1], ARGV[1])
