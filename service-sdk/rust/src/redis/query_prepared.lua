-- Takes the place of a message unless it is taken, and returns who holds it.
local holder = redis.call('GET', KEYS[1])
if holder then
    return holder
end
redis.call('SET', KEYS[1], 'rollback', 'EX', ARGV[1])
return 'rollback'
