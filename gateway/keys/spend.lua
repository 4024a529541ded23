-- What one client key has spent, as one worker tells it: added once, and the holds of calls that are over end with it.
--
-- KEYS[1]  the number of this worker's last parcel, so that telling twice adds once
-- KEYS[2]  spent on the parcel's day, in nano-USD
-- KEYS[3]  spent in its month
-- KEYS[4]  the day's rows: "provider\tmodel\tfigure" by amount
-- KEYS[5], KEYS[6]  holds, as in reserve.lua
-- ARGV     number, nano-USD, seconds to keep sums, most fields of rows, count of ids, ids ..., then place, figure,
--          amount for each figure of each row; a place is "provider\tmodel"
--
-- Returns {spent on the day, in the month}.
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', 604800)
  for place = 2, 3 do
    redis.call('INCRBY', KEYS[place], ARGV[2])
    redis.call('EXPIRE', KEYS[place], ARGV[3])
  end
  local ids = tonumber(ARGV[5])
  for place = 6, 5 + ids do
    local amount = redis.call('HGET', KEYS[6], ARGV[place])
    if amount then
      if amount ~= '0' then -- '-0' is no integer to HINCRBY
        redis.call('HINCRBY', KEYS[6], 'total', '-' .. amount)
      end
      redis.call('HDEL', KEYS[6], ARGV[place])
      redis.call('ZREM', KEYS[5], ARGV[place])
    end
  end
  local full = redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[4])
  for place = 6 + ids, #ARGV, 3 do
    local field = ARGV[place] .. '\t' .. ARGV[place + 1]
    if full and redis.call('HEXISTS', KEYS[4], field) == 0 then
      field = 'other\tother\t' .. ARGV[place + 1]
    end
    redis.call('HINCRBY', KEYS[4], field, ARGV[place + 2])
  end
  if #ARGV > 5 + ids then
    redis.call('EXPIRE', KEYS[4], ARGV[3])
  end
end
return {redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or '0'}
