// The publisher, and what it compiles from: the file, discovered targets, stored consumers.

import type { ClusterLimits } from '../control/quota/leases/cluster-limits.ts';
import { Publisher } from '../control/releases/publisher.ts';
import type { FirstCompile } from './compile-first.ts';
import type { Parts } from './parts.ts';

// How long all workers may take to hold a new snapshot ready; a worker that hangs for longer ends the process.
const ATTACH_TIMEOUT_MS = 10_000;

interface Around extends Pick<Parts, 'shm' | 'limits' | 'fleet' | 'upstreams' | 'catalog' | 'quotas'> {
  readonly first: FirstCompile;
  readonly usage: () => Parts['usage'];
  readonly cluster: () => ClusterLimits | undefined;
}

export function wirePublisher({
  shm,
  limits,
  first,
  fleet,
  upstreams,
  catalog,
  quotas,
  usage,
  cluster,
}: Around): Publisher {
  return new Publisher({
    shm,
    limits,
    compile: (epoch, recycled, kept, inventory) =>
      upstreams.compile(async (discovered, last) => {
        const answer = await first.compile({
          ...{ epoch, discovered, inventory, recycled: last?.buffer ?? recycled, kept: last?.source ?? kept },
          stored: catalog.source(kept === undefined),
        });
        return answer.ok && last?.told !== undefined ? { ...answer, told: last.told } : answer;
      }),
    attach: (snapshot) => fleet.attach(snapshot, ATTACH_TIMEOUT_MS),
    discard: (epoch) => fleet.discard(epoch),
    settleUsage: () => usage().ledger.settle(),
    onSettled: (current, isNew) => {
      cluster()?.useLimits(current?.clusterLimits ?? []);
      upstreams.settle(current?.upstreams ?? [], isNew);
      catalog.settle(current?.catalogVersion ?? 0);
      if (isNew) void quotas.keeper.refresh();
    },
  });
}
