import t from 'tap';
import { FaultProxy } from '../../loadtest/faults/fault-proxy.ts';
import { TargetWatch } from '../../loadtest/scenarios/target-watch.ts';

t.test(
  'a watch tells when a target was sent its first and last request, late ones apart, health checks left out',
  async (t) => {
    const proxy = await FaultProxy.listen(0);
    t.teardown(() => proxy.close());
    const watch = new TargetWatch(proxy);
    const none = { count: 0, lateCount: 0, firstMs: undefined, lastMs: undefined };
    t.same(watch.take(1_000), none);
    for (const [path, atMs] of [
      ['/healthz', 100],
      ['/load', 200],
      ['/load', 1_000],
      ['/load', 1_001],
      ['/healthz', 2_000],
    ] as const) {
      proxy.onRequest({ method: 'GET', path, atMs });
    }
    t.same(watch.take(), { count: 3, lateCount: 1, firstMs: 200, lastMs: 1_001 });
    t.same(watch.take(), none, 'each is told once');
  },
);
