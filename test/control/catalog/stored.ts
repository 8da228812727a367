// Records of the store, for tests.

import { createHash } from 'node:crypto';
import type { StoredConsumer, StoredKey } from '../../../src/control/catalog/stored-consumer.ts';

export function consumer(name: string, keys: readonly StoredKey[] = []): Omit<StoredConsumer, 'rev'> {
  return { name, isOwn: true, keys, changedMs: 1_000 };
}

/** Its secret is 'secret of ID'. */
export function key(id: string): StoredKey {
  const sha256 = createHash('sha256').update(`secret of ${id}`).digest('hex');
  return { id, uses: ['api-key'], sha256, createdMs: 1_000 };
}
