// Ids of traces and spans, from random bytes that are drawn in advance: a draw costs the same for 8 bytes as for 4 KiB.

import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4_096;
const SPAN_ID_BYTES = 8;
// What stands before the deciding word, and behind it (sampler.ts).
const TRACE_HEAD_BYTES = 9;
const TRACE_TAIL_BYTES = 3;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** @returns 16 digits. That all are zero happens once in 2⁶⁴: then the span is refused by its receiver. */
export function newSpanId(): string {
  return hex(SPAN_ID_BYTES);
}

/**
 * @param word  of sampler.ts: the upper 32 of the last 56 bits
 * @returns 32 digits
 */
export function newTraceId(word: number): string {
  return hex(TRACE_HEAD_BYTES) + word.toString(16).padStart(8, '0') + hex(TRACE_TAIL_BYTES);
}

function hex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
