-- A limit that many share, by the generic cell rate algorithm: charges what is owed, then grants a lease.
--
-- KEYS[1]  the time at which the bucket is full again, in seconds of the server's clock; no key: it is full
-- KEYS[2]  the answer to this very question, so that asking twice charges once
-- ARGV     rate a second, burst, owed (below zero: given back), want, least, seconds to remember the answer
--
-- Returns "granted remaining wait now". At most `want` is granted, nothing at all where less than `least` is there;
-- `wait` is then how long that takes. What is owed is charged even where the bucket does not have it.
local answer = redis.call('GET', KEYS[2])
if answer then
  return answer
end
local time = redis.call('TIME')
-- A double holds seconds since 2023 to 1e-8: at a million tokens a second, a hundredth of one.
local now = (tonumber(time[1]) - 1700000000) + tonumber(time[2]) / 1000000
local rate, burst, owed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local want, least = tonumber(ARGV[4]), tonumber(ARGV[5])

local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
full_at = math.max(full_at + owed / rate, now)
local room = burst - (full_at - now) * rate
local granted = math.max(0, math.min(want, math.floor(room + 0.000001)))
local wait = 0
if granted < least then
  granted = 0
  wait = (least - room) / rate
end
full_at = full_at + granted / rate
local remaining = burst - (full_at - now) * rate

if full_at > now then
  redis.call('SET', KEYS[1], string.format('%.17g', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
else
  redis.call('DEL', KEYS[1])
end
answer = string.format('%.17g %.17g %.17g %.17g', granted, remaining, wait, now)
redis.call('SET', KEYS[2], answer, 'EX', ARGV[6])
return answer
