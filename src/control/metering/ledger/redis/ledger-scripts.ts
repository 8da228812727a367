// What Redis does for the ledger, in Lua. Replies are text and integers: a connection reads no other bytes.
//
// A script is whole or not at all, in Redis, in its file and on its replicas. Where memory is full, a script fails at its first write
// that needs some, or runs to its end: hence XADD comes first in one, XACK in the other, which frees more than it takes.

import { type Script, script } from '../../../redis/script.ts';
import { figure } from '../usage-figures.ts';

/** A delta's parts are numbered sequence × PARTS_MAX + part, so that a last number says which came. */
export const PARTS_MAX = 1_024;

/** The first of deposit's reply; the second is the last number that was applied. */
export const Deposit = { KNOWN: 0, ADDED: 1, MISSING: 2, FULL: 3 } as const;

// Above it, Lua prints fewer digits than a number has. Of the figures only sums of bytes and times get there.
const WIDE = 1e14;
const WIDE_PLACES = [figure.bytesIn, figure.bytesOut, figure.us, figure.gbMs].map((place) => place + 1);

/**
 * Take a part of a delta, once.
 * KEYS  applied, deltas
 * ARGV  sequence, part, 1: whatever is missing before it; entries of the stream at most; seconds that applied is kept; entries
 * Nothing known of an instance: its data was lost, or it has been away for a week. It goes on where it is.
 */
const deposit = script(
  'usage-deposit',
  `
local last = tonumber(redis.call('GET', KEYS[1]) or '')
local sequence, part = tonumber(ARGV[1]), tonumber(ARGV[2])
local number = sequence * ${PARTS_MAX} + part
if last then
  if number <= last then return {${Deposit.KNOWN}, last} end
  local isNext = number == last + 1 or (part == 0 and math.floor(last / ${PARTS_MAX}) == sequence - 1)
  if not isNext and ARGV[3] ~= '1' then return {${Deposit.MISSING}, last} end
end
if redis.call('XLEN', KEYS[2]) + #ARGV - 5 > tonumber(ARGV[4]) then return {${Deposit.FULL}, last or 0} end
for place = 6, #ARGV do redis.call('XADD', KEYS[2], '*', 'rows', ARGV[place]) end
redis.call('SET', KEYS[1], string.format('%.0f', number), 'EX', ARGV[5])
return {${Deposit.ADDED}, number}
`,
);

/**
 * What a consumer has to roll up: what it was given before, what another one left lying, what is new.
 * KEYS  deltas
 * ARGV  group, consumer, entries at most, milliseconds after which another's are taken over; id: only what it was given after that
 *       one; new ones only when the oldest is so many milliseconds old, or there are so many
 * It answers with [[id, [field, rows]], …], the stream's length, and the age of its first entry in milliseconds.
 */
const take = script(
  'usage-take',
  `
local group, consumer, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local entries = {}
local function keep(more)
  -- Redis 6.2 gives nothing for what was deleted.
  for _, entry in ipairs(more) do if entry then entries[#entries + 1] = entry end end
end
local function read(from)
  local room = count - #entries
  local reply = room > 0 and redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', room, 'STREAMS', KEYS[1], from)
  if reply and reply.err then return reply end
  keep(reply and reply[1][2] or {})
end
local failure = read(ARGV[5])
if failure then
  if not string.find(failure.err, 'NOGROUP', 1, true) then return failure end
  redis.call('XGROUP', 'CREATE', KEYS[1], group, '0', 'MKSTREAM')
end
if #entries < count then
  keep(redis.call('XAUTOCLAIM', KEYS[1], group, consumer, ARGV[4], '0', 'COUNT', count - #entries)[2])
end
local first, length, age = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1], redis.call('XLEN', KEYS[1]), 0
if first then
  local now = redis.call('TIME')
  age = math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(first[1], '^%d+')))
end
if age >= tonumber(ARGV[6]) or length >= tonumber(ARGV[7]) then
  failure = read('>')
  if failure then return failure end
end
return {entries, length, age}
`,
);

/**
 * Acknowledge entries, and add up what they hold: both, or nothing when one of them was acknowledged before.
 * KEYS  deltas, the four lists of steps, hashes
 * ARGV  group, batch as JSON: { ids, steps: [[list, first minute, end of its life in s], …] for each hash,
 *       rows: [[names, figures, [hash, …]], …] }, numbers from 1
 * It answers with 1 or 0.
 */
const add = script(
  'usage-add',
  `
local batch = cjson.decode(ARGV[2])
for _, id in ipairs(batch.ids) do
  if #redis.pcall('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 0 then return 0 end
end
-- All that could fail comes before the first write.
local sums = {}
for hash = 1, #batch.steps do sums[hash] = {} end
for _, row in ipairs(batch.rows) do
  local names, more = row[1], row[2]
  for _, hash in ipairs(row[3]) do
    local sum = sums[hash][names]
    if not sum then
      local stored = redis.call('HGET', KEYS[5 + hash], names)
      local isRead, list = pcall(cjson.decode, stored or '[]')
      sum = isRead and type(list) == 'table' and list or {}
      sums[hash][names] = sum
    end
    for place, figure in ipairs(more) do sum[place] = (tonumber(sum[place]) or 0) + figure end
  end
end
redis.call('XACK', KEYS[1], ARGV[1], unpack(batch.ids))
redis.call('XDEL', KEYS[1], unpack(batch.ids))
for hash, rows in ipairs(sums) do
  for names, sum in pairs(rows) do
    for _, place in ipairs({${WIDE_PLACES.join(', ')}}) do
      if sum[place] and sum[place] >= ${WIDE} then sum[place] = string.format('%.0f', sum[place]) end
    end
    redis.call('HSET', KEYS[5 + hash], names, '[' .. table.concat(sum, ',') .. ']')
  end
end
for hash, step in ipairs(batch.steps) do
  redis.call('ZADD', KEYS[1 + step[1]], step[2], step[2])
  redis.call('EXPIREAT', KEYS[5 + hash], step[3])
end
return 1
`,
);

/** Some rows of a step. KEYS hash; ARGV cursor, about how many. */
const scan = script('usage-scan', `return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])`);

/** First minutes of steps that have rows, in order. KEYS a list of steps; ARGV from, to before, how many. */
const steps = script(
  'usage-steps',
  `return redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])`,
);

/** Forget steps. Their memory is freed by another thread of Redis. KEYS a list of steps, hashes; ARGV their first minutes. */
const drop = script(
  'usage-drop',
  `
for place, start in ipairs(ARGV) do
  redis.call('UNLINK', KEYS[1 + place])
  redis.call('ZREM', KEYS[1], start)
end
return #ARGV
`,
);

/**
 * Forget consumers that have nothing to do: one that leaves, and those that have been gone for long.
 * KEYS  deltas
 * ARGV  group, the one that leaves or '', milliseconds
 */
const forget = script(
  'usage-forget',
  `
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return 0 end
for _, consumer in ipairs(consumers) do
  local is = {}
  for place = 1, #consumer, 2 do is[consumer[place]] = consumer[place + 1] end
  if is.pending == 0 and (is.name == ARGV[2] or is.idle > tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
  end
end
return 1
`,
);

export const ledgerScripts = { deposit, take, add, scan, steps, drop, forget } satisfies Record<string, Script>;
