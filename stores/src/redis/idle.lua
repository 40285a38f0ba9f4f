-- Returns the head, or an empty text if the set was deleted. KEYS: head, set, end of the set.
-- It makes a write without effect, which a primary without its replicas refuses (NOREPLICAS). A primary that cannot
-- write to its disk refuses it too (MISCONF), but it is still the primary.
local write = redis.pcall('ZREM', KEYS[2], '')
if type(write) == 'table' and write.err and not string.find(write.err, '^%-?MISCONF') then return write end
if redis.call('GET', KEYS[3]) and redis.call('ZCARD', KEYS[2]) == 0 then return '' end
return redis.call('GET', KEYS[1])
