// What a Redis with consumers in it is known by: whose copies are copies of it.

import { randomBytes } from 'node:crypto';

const ID_BYTES = 8;

/** Of a store that has nothing in it yet. */
export function newStoreId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}
