// Whether two texts are the same, without telling by the time it takes how much of them is.

import { timingSafeEqual } from 'node:crypto';

// Base64 of a SHA-512 has 88 characters.
const CHARS_MAX = 88;

/** By length: what was compared before, to be written over. Two buffers for each request would be most of what this costs. */
const pairs: ([Buffer, Buffer] | undefined)[] = [];

/** Of latin1 texts. The length is no secret. @hot guarded by auth-cases.ts */
export function isSameText(one: string, other: string): boolean {
  const { length } = one;
  if (length !== other.length) return false;
  if (length > CHARS_MAX) return timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
  pairs[length] ??= [Buffer.alloc(length), Buffer.alloc(length)];
  const [a, b] = pairs[length];
  a.write(one, 'latin1');
  b.write(other, 'latin1');
  return timingSafeEqual(a, b);
}
