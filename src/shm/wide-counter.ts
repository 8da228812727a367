// Counters past 2³² in two words, without 64-bit atomics: one thread counts with plain stores, any thread reads.
//
//   word   holds                    written
//   ------------------------------------------------------------------
//   low    count mod 2³²            at every count
//   high   ⌊count / 2³¹⌋ mod 2³²    when bit 31 of `low` has changed
//
// Invariant: bit 31 of low is bit 0 of high, but between the two stores of the writer. Protocol of a reader: high first, then low; where
// the bits differ, low is the newer, and high counts one more. That is exact as long as fewer than 2³¹ counts fall between
// the reader's two loads. Limits: 2⁵³ counts.

import { assert } from '../base/assert.ts';

const HALF_MASK = 0x7fff_ffff;
const HALF = 0x8000_0000;

/**
 * One more.
 * @param low, high  indexes of the counter's words; this thread is their only writer
 * @returns whether the high word was written, too: once in 2³¹ counts
 * @hot
 */
export function countOne(words: Uint32Array, low: number, high: number): boolean {
  const next = ((words[low] as number) + 1) >>> 0;
  words[low] = next;
  if ((next & HALF_MASK) !== 0) return false;
  words[high] = (words[high] as number) + 1;
  return true;
}

/** The count as it stands, from any thread. */
export function readCount(words: Uint32Array, low: number, high: number): number {
  const above = Atomics.load(words, high);
  const below = Atomics.load(words, low);
  const pending = (above & 1) !== below >>> 31 ? 1 : 0;
  return (above + pending) * HALF + (below & HALF_MASK);
}

/** Set a counter that nobody counts on meanwhile. */
export function writeCount(words: Uint32Array, low: number, high: number, count: number): void {
  assert(Number.isSafeInteger(count) && count >= 0, 'a count is a whole number');
  words[low] = count >>> 0;
  words[high] = Math.floor(count / HALF);
}
