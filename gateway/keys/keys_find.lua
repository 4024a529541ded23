-- The record of the client key that a secret opens, by the secret's SHA-256; nothing where it opens nothing.
--
-- KEYS[1]  records by label
-- KEYS[2]  labels by SHA-256
-- ARGV     SHA-256
local label = redis.call('HGET', KEYS[2], ARGV[1])
return label and redis.call('HGET', KEYS[1], label)
