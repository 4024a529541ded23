-- Which client keys have changed since, as SHA-256s, and the server's time to ask from next time.
--
-- KEYS[1]  SHA-256s by when they changed
-- ARGV     milliseconds of the server's clock; below zero: nobody has asked before
--
-- Returns {now, SHA-256, ...}; {now, '*'} where more than 1000 have changed.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if tonumber(ARGV[1]) < 0 then
  return {now}
end
local changed = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'LIMIT', 0, 1001)
if #changed > 1000 then
  return {now, '*'}
end
table.insert(changed, 1, now)
return changed
