-- Returns the head, and the time of Redis in seconds. KEYS: head. ARGV: a new token.
local now = redis.call('TIME')[1]
if not redis.call('GET', KEYS[1]) then redis.call('SET', KEYS[1], '0-0 ' .. ARGV[1]) end
return {redis.call('GET', KEYS[1]), now}
