// The store's side of quotas inside Redis: block-record.ts in Lua.
//
//   KEYS[1]  the window's counter, a hash: 'taken', and per holder 'h' .. name: 'sequence granted total'
//   KEYS[2]  the marker: serverId ':' bornUs
//   KEYS[3]  until when nothing is granted, µs of Redis's clock
//   ARGV     serverId, limit, holder, sequence, total, returned, wanted, endMs, holds (0 or 1)
//
// It answers with three integers, in the order of BlockReply. Time is Redis's own; a test passes it as the last argument.

import { type Script, script } from '../../redis/script.ts';
import { CLOCK_LUA, MARKER_LUA } from '../store-marker.ts';
import { BLOCK_HOLDER_COUNT_MAX, BLOCK_PART, REBUILD_US, WINDOW_GRACE_MS } from './block-record.ts';

// Far longer than anything is held.
const HOLD_KEPT_MS = 60_000;
const TEST_CLOCK = 'local now = tonumber(ARGV[10])';

const LUA = `
local floor, min, max = math.floor, math.min, math.max
local limit, field, sequence = tonumber(ARGV[2]), 'h' .. ARGV[3], tonumber(ARGV[4])
local reported, returned, wanted, endMs = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local isReport = sequence == 0
${MARKER_LUA}
local taken = tonumber(redis.call('HGET', KEYS[1], 'taken') or '0')
local known = redis.call('HGET', KEYS[1], field)
local total, lastSequence, lastGranted = 0, '0', '0'
local isKept = known or redis.call('HLEN', KEYS[1]) <= ${BLOCK_HOLDER_COUNT_MAX}
if known then
  local text
  lastSequence, lastGranted, text = string.match(known, '^(%d+) (%d+) (%d+)$')
  total = tonumber(text)
  if not isReport then
    local knownSequence = tonumber(lastSequence)
    if sequence == knownSequence then return {0, tonumber(lastGranted), max(0, limit - taken)} end
    if sequence < knownSequence then return {1, 0, max(0, limit - taken)} end
  end
  returned = min(returned, total)
  taken = taken - returned
  total = total - returned
end
if isKept then
  taken = taken + max(0, reported - total)
  total = max(total, reported)
end
local heldUntil = tonumber(redis.call('GET', KEYS[3]) or '0')
-- A clock that was put back holds nobody.
if heldUntil > now + ${REBUILD_US} then heldUntil = 0 end
local isRecovering = now < max(born + ${REBUILD_US}, heldUntil)
local granted = 0
if not isRecovering then
  local left = max(0, limit - taken)
  granted = min(wanted, max(1, floor(left * ${BLOCK_PART})), left)
end
taken = taken + granted
total = total + granted
redis.call('HSET', KEYS[1], 'taken', string.format('%.0f', taken))
if isKept then
  if not isReport then
    lastSequence, lastGranted = string.format('%.0f', sequence), string.format('%.0f', granted)
  end
  redis.call('HSET', KEYS[1], field, lastSequence .. ' ' .. lastGranted .. ' ' .. string.format('%.0f', total))
end
if ARGV[9] == '1' then
  redis.call('SET', KEYS[3], string.format('%.0f', now + ${REBUILD_US}), 'PX', ${HOLD_KEPT_MS})
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
