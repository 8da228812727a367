// The rate limits of a process, to be gone on with by the one that takes over: records, overflow words, and the slots of
// keys that owe something. A record tells virtual time as a function of the machine's monotonic clock, which both processes
// read, so a slot's arrival time means the same in the other table: one chain of charges per key, over both processes.

import type { Clock } from '../../base/clock.ts';
import type { LimitIndex } from '../../base/ids.ts';
import { countOf, numberOf } from '../../gateway/limiter/window-state.ts';
import { Algorithm, CELLS_PER_SLOT, type LimitTable } from '../../shm/limit-table.ts';
import { FULL, slotTag } from '../../shm/slot-index.ts';
import type { LimitRegistry, RunningLimit } from '../quota/limit-registry.ts';

interface LimitEntry extends RunningLimit {
  readonly overflowTat: number;
}

export interface LimitState {
  /** µs of the monotonic clock at the export. */
  readonly nowUs: number;
  readonly limits: readonly LimitEntry[];
  /** Int32Array, little-endian, SLOT_WORDS a slot: place in `limits`, hash low and high, arrival time. */
  readonly slots: Uint8Array;
}

const SLOT_WORDS = 4;
const SLOT_BYTES = 4 * SLOT_WORDS;
// What the clocks of the two may be apart: the state takes less than a second, also on a busy machine.
const CLOCK_APART_US_MAX = 10_000_000;

/** While no worker charges, and every record is in force. */
export function exportLimits(table: LimitTable, registry: LimitRegistry, clock: Clock): LimitState {
  const limits: LimitEntry[] = [];
  const places = new Map<number, number>();
  const { slots } = table;
  let words = new Int32Array(SLOT_WORDS * 1_024);
  let used = 0;
  for (let index = 0 as LimitIndex; index < table.limitCount; index++) {
    const running = registry.runningLimit(index);
    if (running === undefined) continue;
    const { idLow, idHigh, tokensPerSecond, burst, record } = running;
    places.set(index, limits.length);
    limits.push({
      idLow,
      idHigh,
      tokensPerSecond,
      burst,
      record,
      overflowTat: table.overflowTat(index, record.generation),
    });
  }
  for (let slot = 0; slot < slots.slotCount; slot++) {
    if (!slots.isLive(slot) && !slots.isUnlinking(slot)) continue;
    const place = places.get(slots.limitOf(slot));
    const limit = place === undefined ? undefined : limits[place];
    // Of an older generation: its debt is in the record.
    if (limit === undefined || slots.tagOf(slot) >>> 16 !== limit.record.generation) continue;
    if (used === words.length) words = grown(words);
    words[used++] = place as number;
    words[used++] = slots.hashLowOf(slot);
    words[used++] = slots.hashHighOf(slot);
    words[used++] = slots.settledTat(slot);
  }
  return { nowUs: clock.nowUs(), limits, slots: new Uint8Array(words.buffer, 0, 4 * used) };
}

/**
 * Go on with another process's limits, before any request. Limits that no snapshot here has are left out.
 * @returns the slots that were taken over, or why there can be none; then nothing has changed
 */
export function importLimits(
  state: LimitState,
  table: LimitTable,
  registry: LimitRegistry,
  clock: Clock,
): { readonly slotCount: number } | string {
  const apartUs = clock.nowUs() - state.nowUs;
  if (!(apartUs >= 0 && apartUs <= CLOCK_APART_US_MAX)) {
    return 'the clocks of the two processes are not one (CLOCK_MONOTONIC; containers with time namespaces?)';
  }
  if (state.slots.byteLength % SLOT_BYTES !== 0) return 'the slots of the limits are incomplete';
  const indexes = state.limits.map((limit) => registry.adopt(limit, limit.overflowTat));
  const isOverflowing = state.limits.some(({ record, overflowTat }) => owes(record, overflowTat, state.nowUs));
  // A copy, for its alignment.
  const words = new Int32Array(new Uint8Array(state.slots).buffer);
  let slotCount = 0;
  for (let at = 0; at < words.length; at += SLOT_WORDS) {
    const place = words[at] as number;
    const index = indexes[place];
    const limit = state.limits[place];
    if (index === undefined || limit === undefined) continue;
    putSlot(table, index, limit.record, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number);
    slotCount++;
  }
  // Which keys were charged in overflow words is not known: no key that is made shall be better off than they are.
  if (isOverflowing)
    for (let bucket = 0; bucket < table.slots.bucketCount; bucket++) table.slots.markOverflowed(bucket);
  registry.settle();
  return { slotCount };
}

function putSlot(
  table: LimitTable,
  index: LimitIndex,
  { generation, algorithm }: RunningLimit['record'],
  low: number,
  high: number,
  tat: number,
) {
  const tag = slotTag(index, generation);
  const slot = table.slots.open(low, high, tag);
  if (slot >= 0) {
    // Of a sliding window the sum has come, not what it is made of: as if all of it were of the latest span.
    if (algorithm === Algorithm.SLIDING) table.startCells(slot, numberOf(tat) % CELLS_PER_SLOT, tat);
    return table.slots.publish(slot, low, high, tag, tat);
  }
  if (slot !== FULL) return;
  // A smaller table than the other's: the key shares the overflow word, which owes no less than it does.
  const overflowTat = table.overflowTat(index, generation);
  if (((tat - overflowTat) | 0) > 0) table.exchangeOverflowTat(index, generation, overflowTat, tat);
  table.slots.markOverflowed(high);
}

/** Whether an arrival time lies ahead of virtual time. */
function owes(record: RunningLimit['record'], tat: number, nowUs: number): boolean {
  if (record.algorithm !== Algorithm.GCRA) return countOf(tat) > 0;
  const elapsed = Math.floor((nowUs - record.t0Us) * record.mantissa * 2 ** -record.shift);
  const ahead = (tat - ((record.v0 + elapsed) | 0)) | 0;
  return ahead > 0 && ahead <= record.staleUnits;
}

function grown(words: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * words.length);
  larger.set(words);
  return larger;
}
