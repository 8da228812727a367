import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import type { ListenConfig } from '../../../src/control/config/listen-config.ts';
import { ListenerPlan } from '../../../src/control/workers/listener-plan.ts';
import { buildGateway } from '../../support/build-config.ts';

const uws: ListenConfig = { host: '', port: 8080, engine: 'uws', chunked: 'accept' };
const strict: ListenConfig = { host: '::1', port: 0, engine: 'node', chunked: 'refuse' };
const limits = {
  headerBytes: 9_000,
  messageBytes: 4_096,
  bodyBytes: 1,
  headerTimeoutMs: 7_400,
  idleTimeoutMs: 60_000,
  connections: 10,
  connectionsPerAddress: 5,
  minBodyRate: 0,
};

function plan(listen: readonly ListenConfig[], workerCount: number, parts: Partial<typeof limits> = {}): ListenerPlan {
  return new ListenerPlan(buildGateway({ listen, limits: { ...limits, ...parts } }), workerCount);
}

function of(plan: ListenerPlan, worker: number) {
  return plan.listenersOf(worker as WorkerIndex);
}

t.test('every worker has an app for each uws listener; connections are shared out, rounded up', async (t) => {
  const listeners = plan([uws, { ...uws, port: 8081, chunked: 'refuse' }], 3);
  for (const worker of [0, 1, 2]) {
    t.same(of(listeners, worker), {
      connectionsPerAddress: 5,
      workerCount: 3,
      uws: [
        {
          tls: undefined,
          redirectPort: 0,
          headerBytesMax: 9_000,
          refuseChunked: false,
          messageBytesMax: 4_096,
          idleTimeoutSeconds: 7,
          flushTimeoutMs: 60_000,
          connectionsMax: 4,
        },
        {
          tls: undefined,
          redirectPort: 0,
          headerBytesMax: 9_000,
          refuseChunked: true,
          messageBytesMax: 4_096,
          idleTimeoutSeconds: 7,
          flushTimeoutMs: 60_000,
          connectionsMax: 4,
        },
      ],
      node: [],
    });
  }
});

t.test("uWebSockets.js's one timer is the smaller of both timeouts, of a second at least", async (t) => {
  const secondsOf = (headerTimeoutMs: number, idleTimeoutMs: number): number | undefined =>
    of(plan([uws], 1, { headerTimeoutMs, idleTimeoutMs }), 0).uws[0]?.idleTimeoutSeconds;
  t.same([secondsOf(10_000, 60_000), secondsOf(60_000, 10_000), secondsOf(100, 60_000)], [10, 10, 1]);
});

t.test(
  'a node listener on a port that the system chooses is served by worker 0 alone, for all connections',
  async (t) => {
    const listeners = plan([strict, uws], 3);
    t.same(of(listeners, 0).node, [
      {
        tls: undefined,
        redirectPort: 0,
        proxyProtocol: false,
        host: '::1',
        port: 0,
        reusePort: false,
        headerBytesMax: 9_000,
        refuseChunked: true,
        messageBytesMax: 4_096,
        headerTimeoutMs: 7_400,
        idleTimeoutMs: 60_000,
        connectionsMax: 10,
        connectionsPerAddress: 5,
      },
    ]);
    t.same(of(listeners, 1).node, []);
    t.equal(of(listeners, 1).uws.length, 1);
  },
);

t.test("a replacement gets its predecessor's port", async (t) => {
  const listeners = plan([strict, { ...strict, port: 0 }], 2);
  listeners.noteNodePorts([40_001, 40_002]);
  t.same(
    of(listeners, 0).node.map(({ port }) => port),
    [40_001, 40_002],
  );
  t.same([listeners.nodePort(0), listeners.nodePort(1), listeners.nodePort(2)], [40_001, 40_002, 0]);
});

t.test('a fixed port is shared by all workers where Node can, else it is of worker 0', async (t) => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const canShare = process.platform === 'linux' && (major > 22 || (major === 22 && minor >= 12));
  const listeners = plan([{ ...strict, port: 8443 }], 4);
  const [first, second] = [of(listeners, 0).node, of(listeners, 1).node];
  t.match(first, [{ port: 8443, reusePort: canShare, connectionsMax: canShare ? 3 : 10 }]);
  t.equal(second.length, canShare ? 1 : 0);
});

t.test('one worker shares nothing', async (t) => {
  t.match(of(plan([{ ...strict, port: 8443 }], 1), 0).node, [{ reusePort: false, connectionsMax: 10 }]);
});

t.test('a worker that starts later gets the certificates of now, and each listener what it is to do', async (t) => {
  const pair = { hosts: [], certFile: 'a', keyFile: 'b', cert: 'one', key: 'k', expiresMs: 1 };
  const settings = { ciphers: '', minVersion: 'TLSv1.2', clientCa: '', clientAuth: 'none', hsts: 'max-age=1' } as const;
  const tls = { ...settings, certificates: [pair], clientCaFile: '' };
  const listeners = plan(
    [
      { ...uws, redirectPort: 443 },
      { ...uws, port: 1, tls },
      { ...strict, proxyProtocol: true },
    ],
    1,
  );
  const { expiresMs: _, ...known } = pair;
  t.match(of(listeners, 0), {
    uws: [{ tls: undefined, redirectPort: 443 }, { tls: { ...settings, certificates: [known] } }],
    node: [{ tls: undefined, redirectPort: 0, proxyProtocol: true }],
  });
  const other = { ...settings, certificates: [{ ...known, cert: 'two' }] };
  listeners.useTls({ uws: [undefined, other], node: [undefined] });
  t.same(of(listeners, 0).uws[1]?.tls, other);
});
