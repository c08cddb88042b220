-- One operation on one account, and its effect.
-- KEYS: the account, the list of effects.
-- ARGV: amount; what it needs (`free`, `frozen`, `nothing`); what it adds to balance and frozen; the effect;
-- the refusals: no account, too little, too large.
local balance, frozen = unpack(redis.call('HMGET', KEYS[1], 'balance', 'frozen'))
if not balance then
    return refuse(ARGV[6])
end
local amount, needs = tonumber(ARGV[1]), ARGV[2]
if needs == 'free' and balance - frozen < amount or needs == 'frozen' and tonumber(frozen) < amount then
    return refuse(ARGV[7])
end
-- Numbers are doubles here: beyond 2^53 they are not exact.
local exact = 9007199254740991
if math.abs(balance + ARGV[3]) > exact or math.abs(frozen + ARGV[4]) > exact then
    return refuse(ARGV[8])
end
redis.call('HINCRBY', KEYS[1], 'frozen', ARGV[4])
redis.call('RPUSH', KEYS[2], ARGV[5])
return redis.call('HINCRBY', KEYS[1], 'balance', ARGV[3])
