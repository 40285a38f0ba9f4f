-- Adds revocations to the set and to the changes, all or none.
-- KEYS: head, set, changes, end of the set. ARGV: a new token, the revocations, their length, the number of changes to
-- keep.
local head, set, changes, set_end = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, revocations = ARGV[1], ARGV[2]
local length, kept = tonumber(ARGV[3]), ARGV[4]
local now = tonumber(redis.call('TIME')[1])
-- A key of another type is an error before anything is written.
local last = redis.call('GET', head) or ('0-0 ' .. token)
redis.call('XLEN', changes)
if redis.call('ZCARD', set) == 0 and redis.call('GET', set_end) then
    -- The set was deleted. Replicas notice the gap before this change, and add what they know.
    last = string.match(last, '^%S+') .. ' ' .. token
end

local ended = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 1000)
if #ended > 0 then redis.call('ZREM', set, unpack(ended)) end

local ends, added, chunks, chunk = {}, {}, {}, {}
for start = 1, #revocations, length do
    local revocation = string.sub(revocations, start, start + length - 1)
    if not redis.call('ZSCORE', set, revocation) then
        -- Its last 8 bytes are its end.
        local at = 0
        for index = length - 7, length do at = at * 256 + string.byte(revocation, index) end
        ends[#ends + 1], added[#added + 1] = string.format('%.0f', at), revocation
        chunk[#chunk + 1] = revocation
        if #chunk == 100 then
            chunks[#chunks + 1] = table.concat(chunk)
            chunk = {}
        end
    end
end
if #chunk > 0 then chunks[#chunks + 1] = table.concat(chunk) end

-- The set is written last: what is not in it is added again when the caller tries again.
for _, chunk in ipairs(chunks) do
    local id = redis.call('XADD', changes, 'MAXLEN', '~', kept, '*',
        'after', last, 'token', token, 'revocations', chunk)
    last = id .. ' ' .. token
end
if #chunks > 0 then redis.call('SET', head, last) end
for index, revocation in ipairs(added) do redis.call('ZADD', set, ends[index], revocation) end

local latest = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')[2]
-- Replicas whose clocks are behind still follow what has ended: without the changes, they would notice a gap.
if latest and tonumber(latest) > now then
    latest = string.format('%.0f', tonumber(latest))
    redis.call('EXPIREAT', set, latest)
    redis.call('EXPIREAT', changes, latest)
    if #added > 0 then redis.call('SET', set_end, latest, 'EXAT', latest) end
end
return #added
