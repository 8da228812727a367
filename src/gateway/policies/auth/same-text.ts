// Whether two texts are the same, without telling by the time it takes how much of them is.

import { timingSafeEqual } from 'node:crypto';

/** Of latin1 texts. The length is no secret. @hot */
export function isSameText(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
}
