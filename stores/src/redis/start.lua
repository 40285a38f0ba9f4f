-- Returns the head, and the time of Redis in seconds. KEYS: head, set, end of the set. ARGV: a new token.
local head, set, set_end = KEYS[1], KEYS[2], KEYS[3]
local now = redis.call('TIME')[1]
local last = redis.call('GET', head)
local is_deleted = redis.call('GET', set_end) and redis.call('ZCARD', set) == 0
if is_deleted or not last then
    -- Another name, so that every replica notices that revocations are missing and adds those that it knows.
    redis.call('SET', head, string.match(last or '0-0', '^%S+') .. ' ' .. ARGV[1])
    redis.call('EXPIREAT', set_end, 0)
end
return {redis.call('GET', head), now}
