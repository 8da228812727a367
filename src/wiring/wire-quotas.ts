// What counts quotas: LMDB in one node, Redis over instances.

import { join } from 'node:path';
import type { ClusterQuotas, ClusterQuotasOptions } from '../control/quota/blocks/cluster-quotas.ts';
import { QuotaKeeper, type QuotaKeeperOptions } from '../control/quota/durable/quota-keeper.ts';
import { QuotaStore } from '../control/quota/durable/quota-store.ts';

export interface WiredQuotas {
  readonly keeper: QuotaKeeper;
  /** undefined: there is no store that instances share. */
  readonly cluster: ClusterQuotas | undefined;
}

/** @param options  of the keeper, and where its counters are; url '' for one node */
export async function wireQuotas(
  options: Omit<QuotaKeeperOptions, 'counters'> & Omit<ClusterQuotasOptions, 'onUp'>,
): Promise<WiredQuotas> {
  const { url, folder } = options;
  if (url === '') {
    return {
      keeper: new QuotaKeeper({ ...options, counters: new QuotaStore(join(folder, 'quotas')) }),
      cluster: undefined,
    };
  }
  // The client of Redis is loaded where there is one.
  const { ClusterQuotas } = await import('../control/quota/blocks/cluster-quotas.ts');
  const cluster: ClusterQuotas = new ClusterQuotas({ ...options, onUp: () => keeper.retry() });
  const keeper = new QuotaKeeper({ ...options, counters: cluster });
  await cluster.open();
  return { keeper, cluster };
}
