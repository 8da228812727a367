// The store's side of quotas inside Redis: block-record.ts in Lua.
//
//   KEYS[1]  the window's counter, a hash: 'taken', and per holder 'h' .. name: 'sequence granted total'
//   KEYS[2]  the marker: serverId ':' bornUs
//   ARGV     serverId, limit, holder, sequence, total, returned, wanted, endMs
//
// It answers with three integers, in the order of BlockReply. Time is Redis's own; a test passes it as the last argument.

import { type Script, script } from '../../redis/script.ts';
import { CLOCK_LUA, MARKER_LUA } from '../store-marker.ts';
import { BLOCK_HOLDER_COUNT_MAX, BLOCK_PART, REBUILD_US, WINDOW_GRACE_MS } from './block-record.ts';

const TEST_CLOCK = 'local now = tonumber(ARGV[9])';

const LUA = `
local floor, min, max = math.floor, math.min, math.max
local limit, field, sequence = tonumber(ARGV[2]), 'h' .. ARGV[3], tonumber(ARGV[4])
local reported, returned, wanted, endMs = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
${MARKER_LUA}
local taken = tonumber(redis.call('HGET', KEYS[1], 'taken') or '0')
local known = redis.call('HGET', KEYS[1], field)
local total = 0
if known then
  local texts = {string.match(known, '^(%d+) (%d+) (%d+)$')}
  local knownSequence, knownGranted = tonumber(texts[1]), tonumber(texts[2])
  total = tonumber(texts[3])
  if sequence == knownSequence then return {0, knownGranted, max(0, limit - taken)} end
  if sequence < knownSequence then return {1, 0, max(0, limit - taken)} end
  returned = min(returned, total)
  taken = taken - returned
  total = total - returned
end
taken = taken + max(0, reported - total)
total = max(total, reported)
local isRecovering = now < born + ${REBUILD_US}
local granted = 0
if not isRecovering then
  local left = max(0, limit - taken)
  granted = min(wanted, max(1, floor(left * ${BLOCK_PART})), left)
end
taken = taken + granted
total = total + granted
redis.call('HSET', KEYS[1], 'taken', string.format('%.0f', taken))
if known or redis.call('HLEN', KEYS[1]) <= ${BLOCK_HOLDER_COUNT_MAX} then
  redis.call('HSET', KEYS[1], field, string.format('%.0f %.0f %.0f', sequence, granted, total))
end
if endMs > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', endMs + ${WINDOW_GRACE_MS})) end
local status = 0
if isRecovering then status = 2 end
return {status, granted, max(0, limit - taken)}
`;

/** What gateways run. */
export const blockScript: Script = script('block', `${CLOCK_LUA}\n${LUA}`);

/** The same with the time passed in, to compare it with block-record.ts. */
export function blockScriptOnTestClock(): Script {
  return script('block', `${TEST_CLOCK}\n${LUA}`);
}
