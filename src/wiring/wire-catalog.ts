// The consumers and keys that are managed at run time: LMDB in the data folder, or Redis where instances share it.

import { join } from 'node:path';
import { ConsumerCatalog, type ConsumerCatalogOptions } from '../control/catalog/consumer-catalog.ts';
import { CONSUMERS_FOLDER } from '../control/catalog/consumer-db.ts';
import { StartError } from './start-error.ts';

type WiringOptions = Omit<ConsumerCatalogOptions, 'remote'> & {
  /** Of Redis, a secret; '' for one instance. */
  readonly url: string;
};

/** @param options  with the data folder @throws {StartError} what is there cannot be read */
export async function wireCatalog({ url, ...options }: WiringOptions): Promise<ConsumerCatalog> {
  const folder = join(options.folder, CONSUMERS_FOLDER);
  const catalog = new ConsumerCatalog({ ...options, folder, remote: await remoteOf(url) });
  try {
    await catalog.open();
  } catch (error) {
    throw new StartError([`${folder}: the consumers that were made at run time cannot be read: ${String(error)}`]);
  }
  return catalog;
}

/** The client of Redis costs a start 130 ms: it is loaded where there is one. */
async function remoteOf(url: string) {
  if (url === '') return undefined;
  const { ConsumerRedis } = await import('../control/catalog/redis/consumer-redis.ts');
  return new ConsumerRedis(url);
}
