// What counts quotas (LMDB in one node, Redis over instances), and who is told of their use.

import { join } from 'node:path';
import { AlertDesk, type AlertDeskOptions } from '../control/alerts/alert-desk.ts';
import type { ClusterQuotas, ClusterQuotasOptions } from '../control/quota/blocks/cluster-quotas.ts';
import { QuotaKeeper, type QuotaKeeperOptions } from '../control/quota/durable/quota-keeper.ts';
import { QuotaStore } from '../control/quota/durable/quota-store.ts';

export interface WiredQuotas {
  readonly keeper: QuotaKeeper;
  readonly alerts: AlertDesk;
  /** undefined: there is no store that instances share. */
  readonly cluster: ClusterQuotas | undefined;
}

type WiringOptions = Omit<QuotaKeeperOptions, 'counters' | 'watcher'> &
  Omit<ClusterQuotasOptions, 'onUp'> & {
    readonly alerts: AlertDeskOptions['config'];
    readonly send: AlertDeskOptions['send'];
  };

/** @param options  of the keeper, its counters (url '' for one node) and its alerts */
export async function wireQuotas(options: WiringOptions): Promise<WiredQuotas> {
  const { url, log, send } = options;
  const folder = join(options.folder, 'alerts');
  if (url === '') {
    const alerts = new AlertDesk({ folder, config: options.alerts, send, log });
    const counters = new QuotaStore(join(options.folder, 'quotas'));
    return { keeper: new QuotaKeeper({ ...options, counters, watcher: alerts }), alerts, cluster: undefined };
  }
  // The client of Redis is loaded where there is one.
  const { ClusterQuotas } = await import('../control/quota/blocks/cluster-quotas.ts');
  const cluster: ClusterQuotas = new ClusterQuotas({ ...options, onUp: () => keeper.retry() });
  const claim: AlertDeskOptions['claim'] = (...args) => cluster.claim(...args);
  const alerts = new AlertDesk({ folder, config: options.alerts, send, claim, log });
  const keeper = new QuotaKeeper({ ...options, counters: cluster, watcher: alerts });
  await cluster.open();
  return { keeper, alerts, cluster };
}
