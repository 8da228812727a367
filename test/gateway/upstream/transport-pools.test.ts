import fc from 'fast-check';
import t from 'tap';
import type { UpstreamTlsPlan } from '../../../src/gateway/snapshot.ts';
import { TransportPools } from '../../../src/gateway/upstream/transport-pools.ts';
import { ToldTransport } from '../../support/plane.ts';
import { transportOptions } from '../../support/transport-options.ts';

const tls: UpstreamTlsPlan = { ca: 'ca', cert: 'cert', key: 'key', serverName: 'name', verify: true };
const options = transportOptions({ origin: 'http://a:80', connectionsMax: 8 });

function rig() {
  const made: ToldTransport[] = [];
  const pools = new TransportPools((options) => {
    const transport = new ToldTransport(options);
    made.push(transport);
    return transport;
  });
  return { made, pools };
}

t.test('a target with the same settings has one transport, whoever asks', async (t) => {
  const { made, pools } = rig();
  const first = pools.acquire(options);
  t.equal(pools.acquire({ ...options }), first);
  t.equal(made.length, 1);
});

t.test('another origin or other settings have a transport of their own', async (t) => {
  const { made, pools } = rig();
  pools.acquire(options);
  pools.acquire({ ...options, origin: 'https://a:80' });
  pools.acquire({ ...options, connectTimeoutMs: 1 });
  pools.acquire({ ...options, connectionsMax: 1 });
  pools.acquire({ ...options, connectionsMin: 1 });
  pools.acquire({ ...options, idleTimeoutMs: 1 });
  pools.acquire({ ...options, pipelining: 2 });
  pools.acquire({ ...options, http2: true });
  pools.acquire({ ...options, socketPath: '/run/a.sock' });
  pools.acquire({ ...options, tls });
  t.equal(made.length, 10);
});

t.test('a changed certificate is another transport, an unchanged one is shared across reloads', async (t) => {
  const { made, pools } = rig();
  const first = pools.acquire({ ...options, tls });
  t.equal(pools.acquire({ ...options, tls: { ...tls } }), first);
  const changes: readonly Partial<UpstreamTlsPlan>[] = [
    { ca: 'other' },
    { cert: 'other' },
    { key: 'other' },
    { serverName: 'other' },
    { verify: false },
    // What stands in one text and what stands in the next are not confused.
    { ca: 'cac', cert: 'ert' },
  ];
  const others = changes.map((change) => pools.acquire({ ...options, tls: { ...tls, ...change } }));
  t.equal(new Set([first, ...others]).size, 7);
  t.same(made[1]?.options.tls, { ...tls, ca: 'other' });
});

t.test('a transport is closed with its last user, and asking anew makes a new one', async (t) => {
  const { made, pools } = rig();
  const transport = pools.acquire(options);
  pools.acquire(options);
  pools.release(transport);
  t.notOk(made[0]?.closed);
  pools.release(transport);
  t.ok(made[0]?.closed);
  t.not(pools.acquire(options), transport);
});

t.test('a reload that keeps a target keeps its connections', async (t) => {
  const { made, pools } = rig();
  const old = pools.acquire(options);
  const next = pools.acquire(options);
  pools.release(old);
  t.equal(next, old);
  t.notOk(made[0]?.closed);
});

t.test('destroying ends every transport, and a later release is no harm', async (t) => {
  const { made, pools } = rig();
  const transport = pools.acquire(options);
  pools.acquire({ ...options, origin: 'http://b:80' });
  await pools.destroy();
  t.ok(made.every(({ destroyed }) => destroyed));
  t.doesNotThrow(() => pools.release(transport));
  t.notOk(made[0]?.closed);
});

t.test('whatever is acquired and released, a transport is open exactly while it has users', async (t) => {
  const step = fc.record({ origin: fc.constantFrom('http://a', 'http://b', 'http://c'), acquire: fc.boolean() });
  const law = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { made, pools } = rig();
    const users = new Map<string, number>();
    for (const { origin, acquire } of steps) {
      const count = users.get(origin) ?? 0;
      const open = made.filter((transport) => transport.options.origin === origin && !transport.closed);
      if (acquire) pools.acquire({ ...options, origin });
      else if (count > 0) pools.release(open[0] as ToldTransport);
      users.set(origin, acquire ? count + 1 : Math.max(0, count - 1));
    }
    return [...users].every(
      ([origin, count]) =>
        made.filter((transport) => transport.options.origin === origin && !transport.closed).length ===
        (count > 0 ? 1 : 0),
    );
  });
  t.doesNotThrow(() => fc.assert(law));
});
