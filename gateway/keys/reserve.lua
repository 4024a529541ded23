-- Holds what a call may cost, where the key's budget has room for it besides what is spent and what others hold.
--
-- KEYS[1]  spent on this day, in nano-USD
-- KEYS[2]  spent in this month
-- KEYS[3]  ids of holds by the time at which they lapse, in milliseconds of the server's clock
-- KEYS[4]  amounts by id, and their sum under `total`
-- ARGV     id, amount, limit of the day, of the month (below zero: none), milliseconds that the hold lasts at most
--
-- Returns {1 or 0, spent on the day, in the month, held by others}. Asking twice under one id holds once.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local id, amount = ARGV[1], tonumber(ARGV[2])

for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
  local freed = redis.call('HGET', KEYS[4], lapsed)
  if freed then
    if freed ~= '0' then -- '-0' is no integer to HINCRBY
      redis.call('HINCRBY', KEYS[4], 'total', '-' .. freed)
    end
    redis.call('HDEL', KEYS[4], lapsed)
  end
  redis.call('ZREM', KEYS[3], lapsed)
end

local day = tonumber(redis.call('GET', KEYS[1]) or '0')
local month = tonumber(redis.call('GET', KEYS[2]) or '0')
local held = tonumber(redis.call('HGET', KEYS[4], 'total') or '0')
local mine = tonumber(redis.call('HGET', KEYS[4], id) or '-1')
if mine >= 0 then
  return {1, day, month, held - mine}
end
local day_limit, month_limit = tonumber(ARGV[3]), tonumber(ARGV[4])
if (day_limit >= 0 and day + held + amount > day_limit) or (month_limit >= 0 and month + held + amount > month_limit) then
  return {0, day, month, held}
end
redis.call('HSET', KEYS[4], id, ARGV[2])
redis.call('HINCRBY', KEYS[4], 'total', ARGV[2])
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[5]), id)
redis.call('EXPIRE', KEYS[3], 172800)
redis.call('EXPIRE', KEYS[4], 172800)
return {1, day, month, held}
