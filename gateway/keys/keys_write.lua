-- Writes a client key's record where nobody else has changed it meanwhile, and tells everybody of it.
--
-- KEYS[1]  records by label
-- KEYS[2]  labels by the SHA-256 of each secret that opens
-- KEYS[3]  SHA-256s whose meaning has changed, by when, in milliseconds of the server's clock
-- ARGV     label, the record as it was ("": there was none), as it shall be, count of SHA-256s that open nothing any
--          more, those, then all that open
--
-- Returns 1 where it stands as it shall be, 0 where it was not as the caller thought. Writing twice changes nothing.
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if before == ARGV[3] then
  return 1
end
if before ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local closed = tonumber(ARGV[4])
for place = 5, #ARGV do
  if place <= 4 + closed then
    redis.call('HDEL', KEYS[2], ARGV[place])
  else
    redis.call('HSET', KEYS[2], ARGV[place], ARGV[1])
  end
  redis.call('ZADD', KEYS[3], now, ARGV[place])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 3600000)
return 1
