-- Keeps an answer; what is over, and then what is over soonest, makes room for it.
--
-- KEYS[1]  answers by name, and under `bytes` what they take together
-- KEYS[2]  names by the time at which they are over, in milliseconds of the server's clock
-- ARGV     name, answer (empty: what is there goes), milliseconds that it holds, most answers, most bytes
--
-- Returns whether the name was there before. Doing it twice does it once.
local OVERHEAD, MOST_AT_ONCE = 512, 1000
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local name, answer, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])

local count = redis.call('ZCARD', KEYS[2])
local bytes = tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0')
if redis.call('HLEN', KEYS[1]) ~= count + math.min(count, 1) then -- a server short of memory has let one of the two go
  redis.call('DEL', KEYS[1], KEYS[2])
  count, bytes = 0, 0
end

local function drop(gone)
  bytes = bytes - redis.call('HSTRLEN', KEYS[1], gone) - OVERHEAD
  count = count - 1
  redis.call('HDEL', KEYS[1], gone)
  redis.call('ZREM', KEYS[2], gone)
end

local known = redis.call('HEXISTS', KEYS[1], name)
if known == 1 then
  drop(name)
end
local size = #answer + OVERHEAD
local wanted = #answer > 0 and size <= most_bytes
local function crowded()
  return wanted and (count >= most or bytes + size > most_bytes)
end
for _ = 1, MOST_AT_ONCE do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if not first[1] or (tonumber(first[2]) > now and not crowded()) then
    break
  end
  drop(first[1])
end
if wanted and not crowded() then
  redis.call('HSET', KEYS[1], name, answer)
  redis.call('ZADD', KEYS[2], now + ttl, name)
  count, bytes = count + 1, bytes + size
end
if count == 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
else
  redis.call('HSET', KEYS[1], 'bytes', bytes)
  local lasts = math.max(redis.call('PTTL', KEYS[2]), ttl)
  redis.call('PEXPIRE', KEYS[1], lasts)
  redis.call('PEXPIRE', KEYS[2], lasts)
end
return known
