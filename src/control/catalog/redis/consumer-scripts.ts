// Consumers and keys in Redis, where several instances share them. One hash tag: a script touches several of the keys, so in a cluster
// they have to lie in one slot.
//
//   key                           type     holds
//   ---------------------------------------------------------------------------------------------------------------
//   sluice:{consumers}:id         string   made with the first record, and by nobody else: says whose copies are copies of this
//   sluice:{consumers}:records    hash     name → MessagePack as base64 of a StoredConsumer without its rev
//   sluice:{consumers}:revs       zset     name, by the rev of its record
//   sluice:{consumers}:owners     hash     i:KEYID and s:SHA256 → the name of the consumer that has it
//   sluice:{consumers}:gone       zset     names of consumers that were removed, by when (ms); for GONE_MS
//
// A rev is the time of Redis in µs, and greater than all before it: a replica that takes over without the last changes goes on
// above them, so that no rev stands for two changes.

import { type Script, script } from '../../redis/script.ts';
import { STORE_PREFIX } from '../../redis/store-prefix.ts';

const PREFIX = `${STORE_PREFIX}:{consumers}:`;
const GONE_MS = 7 * 86_400_000;
const PRUNED_AT_ONCE = 10;

/** KEYS of every script. */
export const CONSUMER_KEYS: readonly string[] = ['id', 'records', 'revs', 'owners', 'gone'].map(
  (name) => PREFIX + name,
);

const NEXT_REV = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local rev = time[1] * 1000000 + time[2]
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
if last[2] and tonumber(last[2]) >= rev then rev = tonumber(last[2]) + 1 end
`;

const WRITE = `
local function write(name, value, isGone, fields, rev)
  redis.call('HSET', KEYS[2], name, value)
  redis.call('ZADD', KEYS[3], string.format('%.0f', rev), name)
  for field in string.gmatch(fields, '%S+') do redis.call('HSET', KEYS[4], field, name) end
  redis.call('ZREM', KEYS[5], name)
  if isGone == '1' then
    redis.call('ZADD', KEYS[5], nowMs, name)
    for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', nowMs - ${GONE_MS}, 'LIMIT', 0, ${PRUNED_AT_ONCE})) do
      redis.call('HDEL', KEYS[2], old)
      redis.call('ZREM', KEYS[3], old)
      redis.call('ZREM', KEYS[5], old)
    end
  end
end
`;

/** ARGV: name. @returns [rev, record], '0' and '' where there is none */
export const readScript: Script = script(
  'read-consumer',
  `return {redis.call('ZSCORE', KEYS[3], ARGV[1]) or '0', redis.call('HGET', KEYS[2], ARGV[1]) or ''}`,
);

/**
 * ARGV: id, name, the rev that was read, record, whether it is gone (1), fields to add, fields to remove (each with spaces between).
 * @returns ['ok', rev], ['conflict'], or ['taken', field, owner]
 */
export const writeScript: Script = script(
  'write-consumer',
  `${NEXT_REV}${WRITE}
local name = ARGV[2]
if tonumber(redis.call('ZSCORE', KEYS[3], name) or '0') ~= tonumber(ARGV[3]) then return {'conflict'} end
for field in string.gmatch(ARGV[6], '%S+') do
  local owner = redis.call('HGET', KEYS[4], field)
  if owner and owner ~= name then return {'taken', field, owner} end
end
redis.call('SET', KEYS[1], ARGV[1], 'NX')
for field in string.gmatch(ARGV[7], '%S+') do redis.call('HDEL', KEYS[4], field) end
write(name, ARGV[4], ARGV[5], ARGV[6], rev)
return {'ok', string.format('%.0f', rev)}`,
);

/** ARGV: since which rev, how many. @returns [id, name, rev, record, name, rev, record, …] in the order of the revs */
export const pullScript: Script = script(
  'pull-consumers',
  `local answer = {redis.call('GET', KEYS[1]) or ''}
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for at = 1, #found, 2 do
  answer[#answer + 1] = found[at]
  answer[#answer + 1] = found[at + 1]
  answer[#answer + 1] = redis.call('HGET', KEYS[2], found[at]) or ''
end
return answer`,
);

/**
 * What an instance has and Redis lost. ARGV: id, then of each record: name, rev, record, whether it is gone, its fields.
 * @returns how many were written
 */
export const restoreScript: Script = script(
  'restore-consumers',
  `${NEXT_REV}${WRITE}
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local count = 0
for at = 2, #ARGV, 5 do
  local name = ARGV[at]
  local isFree = tonumber(redis.call('ZSCORE', KEYS[3], name) or '-1') < tonumber(ARGV[at + 1])
  for field in string.gmatch(ARGV[at + 4], '%S+') do
    local owner = redis.call('HGET', KEYS[4], field)
    if owner and owner ~= name then isFree = false end
  end
  if isFree then
    write(name, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], rev)
    rev = rev + 1
    count = count + 1
  end
end
return count`,
);
