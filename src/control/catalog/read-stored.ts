// All that the store has, for the compiler: read where it is needed, in the task pool, and let go of.

import { ConsumerDb } from './consumer-db.ts';
import type { StoredConsumer } from './stored-consumer.ts';

/**
 * @param folder  of the consumers
 * @returns all records, and a version that none of them is older than
 * @throws when it cannot be read
 */
export async function readStored(
  folder: string,
): Promise<{ readonly version: number; readonly records: readonly StoredConsumer[] }> {
  const db = ConsumerDb.open(folder);
  try {
    const { version } = db.meta;
    return { version, records: db.list('', Number.MAX_SAFE_INTEGER) };
  } finally {
    await db.close();
  }
}
