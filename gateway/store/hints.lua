-- Breakers that have opened: adds the caller's, drops those whose time is over, tells all.
--
-- KEYS[1]  hints by the time at which they are over, in milliseconds of the server's clock
-- ARGV     for each of the caller's: hint, milliseconds that it holds from now
--
-- Returns hint, milliseconds that it still holds, hint, ...: at most 256 hints. Telling one twice changes nothing.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for place = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'NX', now + tonumber(ARGV[place + 1]), ARGV[place])
  redis.call('PEXPIRE', KEYS[1], 120000)
end
local told = redis.call('ZREVRANGE', KEYS[1], 0, 255, 'WITHSCORES')
for place = 2, #told, 2 do
  told[place] = tonumber(told[place]) - now
end
return told
