// The store's side of leased shares inside Redis: lease-record.ts in Lua, step by step. One call answers every kind of request
// (a report, a purchase, a return) and touches two keys of one slot.
//
//   KEYS[1]  the record: '<ddd' bornUs, level, atUs, then per lease '<dddddds' sequence, rate, burst, untilUs, demand, demandUntilUs, holder
//   KEYS[2]  the marker: serverId ':' bornUs
//   ARGV     serverId, limitRate, limitBurst, holder, sequence, heldRate, heldBurst, spareBurst, returned, demand, wanted,
//            isLease, purchaseUs
//
// It answers with seven integers, in the order of LeaseReply. Time is Redis's own; a test passes it as the last argument.

import { type Script, script } from '../../redis/script.ts';
import { CLOCK_LUA, MARKER_LUA } from '../store-marker.ts';
import { LEASE_US_MAX, TOKEN, leaseTerms as terms } from './lease-terms.ts';

const TEST_CLOCK = 'local now = tonumber(ARGV[14])';

const LUA = `
local TOKEN, LEASE_US_MAX = ${TOKEN}, ${LEASE_US_MAX}
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local holder = ARGV[4]
local limitRate, limitBurst, sequence = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])
local heldRate, heldBurst, spareBurst = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local returned, demand, wanted = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local isLease, purchaseUs = ARGV[12] == '1', tonumber(ARGV[13])

${MARKER_LUA}local open = born + LEASE_US_MAX

-- The record, if it is of this life of the store.
local level, at, leases = 0, open, {}
local stored = redis.call('GET', KEYS[1])
if stored then
  local storedBorn, storedLevel, storedAt, place = struct.unpack('<ddd', stored)
  if storedBorn == born then
    level, at = storedLevel, storedAt
    while place <= #stored do
      local lease = {}
      lease.sequence, lease.rate, lease.burst, lease.untilUs, lease.demand, lease.demandUntilUs, lease.holder, place =
        struct.unpack('<dddddds', stored, place)
      leases[#leases + 1] = lease
    end
  end
end

-- Accrue to now.
local function accrueTo(rate, burst, to)
  if to > at then
    if rate > 0 then level = level + floor(((rate * (to - at)) / 1000000) * ${number(terms.pace)}) end
    at = to
  end
  level = min(level, max(0, burst))
end
if at > now + LEASE_US_MAX then at = now end
local latest = now + LEASE_US_MAX
local expired, rate, burst = {}, limitRate, limitBurst
for _, lease in ipairs(leases) do
  lease.untilUs, lease.demandUntilUs = min(lease.untilUs, latest), min(lease.demandUntilUs, latest)
  if lease.untilUs <= now then expired[#expired + 1] = lease end
  rate, burst = rate - lease.rate, burst - lease.burst
end
table.sort(expired, function(a, b) return a.untilUs < b.untilUs end)
for _, lease in ipairs(expired) do
  accrueTo(rate, burst, lease.untilUs)
  rate, burst = rate + lease.rate, burst + lease.burst
  lease.rate, lease.burst = 0, 0
end
accrueTo(rate, burst, now)

-- The others, and what they leave.
local others, count, isKnown, isStale = {}, 0, false, false
local roomRate, roomBurst, all = limitRate, limitBurst, demand
for _, lease in ipairs(leases) do
  if lease.untilUs > now or lease.demandUntilUs > now then
    count = count + 1
    if lease.holder == holder then
      isKnown, isStale = true, sequence <= lease.sequence
    else
      others[#others + 1] = lease
      roomRate, roomBurst, all = roomRate - lease.rate, roomBurst - lease.burst, all + lease.demand
    end
  end
end
if isStale then return {1, 0, 0, 0, 0, 0, 0} end
if not isKnown and count >= ${terms.holderCountMax} then return {0, 0, 0, 0, LEASE_US_MAX, 0, 0} end
roomRate, roomBurst = max(0, roomRate), max(0, roomBurst)
local isRecovering = now < open
if not isRecovering then level = level + returned end

-- The share.
local part = ${number(terms.reserve)}
if #others > 0 and all < limitRate * ${number(terms.crowdedFrom)} then part = ${number(terms.calmReserve)} end
local reserve = floor(limitRate * part)
local function fairTo(demanded)
  if demanded <= 0 then return 0 end
  return min(floor((limitRate - reserve) * (demanded / all)), floor(demanded * ${terms.headroom}))
end
local function isAnyoneShort()
  for _, lease in ipairs(others) do
    if lease.rate < fairTo(lease.demand) * ${number(terms.shrinkFrom)} then return true end
  end
  return false
end
local share = 0
if isRecovering then
  share = heldRate
elseif isLease and roomBurst >= TOKEN then
  local fair = fairTo(demand)
  if fair >= ${terms.rateMin} then
    share = fair
    if share < heldRate and share >= heldRate * ${number(terms.shrinkFrom)} and not isAnyoneShort() then share = heldRate end
    share = min(share, max(0, roomRate - reserve))
    if share < ${terms.rateMin} then share = 0 end
  end
end

-- Its part of the burst, and tokens.
local target, limit = heldBurst + spareBurst, 0
if not isRecovering and share > 0 then
  target = min(roomBurst, max(TOKEN, floor(((limitBurst * ${number(terms.burstPart)}) / limitRate) * share)))
  limit = target
elseif not isRecovering then
  target = 0
  limit = min(roomBurst, max(TOKEN, floor(limitBurst * ${number(terms.purchasePart)})))
end
local moved = max(0, min(wanted, level, limit - heldBurst))
if share == 0 then moved = floor(moved / TOKEN) * TOKEN end
burst = max(heldBurst + moved, target)
local central = max(0, roomBurst - burst)
moved = moved + max(0, min(level - moved - central, burst - heldBurst - moved))
level = min(level - moved, central)

-- What counts from now on.
local counted = max(heldRate, share)
if counted > 0 or burst > 0 or demand > 0 then
  local untilUs = now + LEASE_US_MAX
  if counted == 0 and heldBurst == 0 then untilUs = now + min(purchaseUs, LEASE_US_MAX) end
  local demandUntilUs = untilUs
  if demand > 0 then demandUntilUs = now + LEASE_US_MAX end
  others[#others + 1] = {
    sequence = sequence, rate = counted, burst = burst, untilUs = untilUs,
    demand = demand, demandUntilUs = demandUntilUs, holder = holder,
  }
end
local parts = {struct.pack('<ddd', born, level, at)}
for _, lease in ipairs(others) do
  parts[#parts + 1] = struct.pack('<dddddds', lease.sequence, lease.rate, lease.burst, lease.untilUs,
    lease.demand, lease.demandUntilUs, lease.holder)
end
local expires = LEASE_US_MAX + ceil((limitBurst / limitRate) * 1000000)
redis.call('SET', KEYS[1], table.concat(parts), 'PX', string.format('%.0f', ceil(expires / 1000)))

local status, wait = 0, 0
if isRecovering then
  status, wait = 2, open - now
elseif level < TOKEN then
  local free, pause, most = roomRate - counted, 0, ${terms.waitUsMax}
  if central < TOKEN or free <= 0 then pause = ${terms.pauseUsMax} end
  for _, lease in ipairs(others) do
    if lease.burst > 0 then
      pause = min(pause, lease.untilUs - now)
      most = LEASE_US_MAX
    end
  end
  wait = pause
  if free > 0 then wait = min(most, pause + ceil(((TOKEN - level) / free) * 1000000)) end
end
local shown = burst
if share > 0 then shown = target end
return {status, share, shown, moved, wait, min(10000, floor((all / limitRate) * 100)), #others}
`;

/** What gateways run. */
export const leaseScript: Script = leaseScriptWith(CLOCK_LUA);

/** The same with the time passed in, to compare it with lease-record.ts. */
export function leaseScriptOnTestClock(): Script {
  return leaseScriptWith(TEST_CLOCK);
}

function leaseScriptWith(clock: string): Script {
  return script('lease', `${clock}\n${LUA}`);
}

/** 17 digits: the very double that TypeScript has. */
function number(value: number): string {
  return value.toPrecision(17);
}
