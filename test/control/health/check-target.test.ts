import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { HealthConfig, TargetConfig, UpstreamTlsConfig } from '../../../src/control/config/config.ts';
import { CheckConnector } from '../../../src/control/health/check-connector.ts';
import type { CheckResult } from '../../../src/control/health/check-result.ts';
import { checkTarget } from '../../../src/control/health/check-target.ts';
import { resetConnection } from '../../support/reset-connection.ts';
import { tlsText } from '../../support/tls-files.ts';
import { startTlsUpstream } from '../../support/tls-upstream.ts';

const OK: CheckResult = { verdict: 'ok', reason: '' };

interface CheckOptions {
  readonly settings?: Partial<HealthConfig>;
  readonly target?: Partial<TargetConfig>;
  readonly tls?: Partial<UpstreamTlsConfig>;
  readonly http2?: boolean;
}

function check(origin: string, { settings, target, tls, http2 = false }: CheckOptions = {}): Promise<CheckResult> {
  const all = { ca: '', cert: '', key: '', serverName: '', verify: true, ...tls };
  const health: HealthConfig = {
    path: '/healthz',
    host: '',
    intervalMs: 2_000,
    // Only a check that is to take too long takes so long.
    timeoutMs: 10_000,
    unhealthyAfter: 3,
    healthyAfter: 2,
    statuses: [[200, 399]],
    ...settings,
  };
  const authority = origin.replace(/^https?:\/\//, '');
  return new Promise((resolve) => {
    checkTarget(
      {
        target: { origin, authority, socketPath: '', basePath: '', weight: 1, ...target },
        plan: { settings: health, connector: new CheckConnector(tls === undefined ? undefined : all, http2), http2 },
      },
      resolve,
    );
  });
}

/** @returns its origin */
async function serve(t: Test, server: ReturnType<typeof createServer>, at: string | number = 0): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    if (typeof at === 'string') server.listen(at, resolve);
    else server.listen(at, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return typeof at === 'string' ? `unix:${at}` : `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serveHttp = (t: Test, listener: RequestListener, at?: string) => serve(t, createHttpServer(listener), at);

/** Answers every connection's first bytes with these. */
const serveBytes = (t: Test, bytes: string) =>
  serve(
    t,
    createServer((socket) => void socket.once('data', () => socket.end(bytes))),
  );

t.test('a target that answers with a good status is well, and is asked as requests are', async (t) => {
  const seen: unknown[] = [];
  const origin = await serveHttp(t, ({ method, url, headers }, res) => {
    seen.push([method, url, headers.host, headers['user-agent'], headers.connection]);
    res.end('fine');
  });
  t.same(await check(origin), OK);
  t.same(await check(origin, { settings: { host: 'orders.test' }, target: { basePath: '/base' } }), OK);
  t.same(seen, [
    ['GET', '/healthz', origin.slice('http://'.length), 'sluice-health-check', 'close'],
    ['GET', '/base/healthz', 'orders.test', 'sluice-health-check', 'close'],
  ]);
});

t.test('which statuses are good is configured', async (t) => {
  const origin = await serveHttp(t, (req, res) => {
    res.statusCode = Number(req.url?.slice(1));
    res.end();
  });
  const verdict = async (status: number, statuses?: HealthConfig['statuses']) =>
    (await check(origin, { settings: { path: `/${status}`, ...(statuses && { statuses }) } })).reason;
  t.same(
    [await verdict(200), await verdict(302), await verdict(404), await verdict(503)],
    ['', '', 'status 404', 'status 503'],
  );
  const some = [
    [204, 204],
    [404, 410],
  ] as const;
  t.same([await verdict(200, some), await verdict(204, some), await verdict(404, some)], ['status 200', '', '']);
});

t.test('a target that refuses connections is unreachable', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const refused = { verdict: 'unreachable', reason: 'connection refused' };
  t.same(await check(`http://127.0.0.1:${port}`), refused);
  t.same(await check(`http://127.0.0.1:${port}`, { settings: { path: '' } }), refused);
});

t.test('silence is a timeout: before the head, and in the midst of a body', async (t) => {
  const silent = await serveHttp(t, (req, res) => {
    if (req.url === '/body') res.writeHead(200, { 'content-length': 10 }).write('half');
  });
  const settings = { timeoutMs: 30 };
  const timeout = { verdict: 'timeout', reason: 'nothing within 30ms' };
  t.same(await check(silent, { settings }), timeout);
  t.same(await check(silent, { settings: { ...settings, path: '/body' } }), timeout);
});

t.test('what is no whole answer is invalid', async (t) => {
  for (const bytes of ['garbage\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', '', 'HTTP/1.1 200 O']) {
    t.match(await check(await serveBytes(t, bytes)), { verdict: 'invalid', reason: /./ }, JSON.stringify(bytes));
  }
  t.match(await check(await serveBytes(t, `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)), {
    verdict: 'invalid',
  });
  const resetting = await serve(
    t,
    createServer((socket) => void socket.once('data', () => resetConnection(socket))),
  );
  t.match(await check(resetting), { verdict: 'invalid', reason: 'connection reset' });
  t.match(
    await check(await serveBytes(t, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')),
    {
      verdict: 'status',
    },
  );
});

t.test('of a body without an end so much is read, and no more', async (t) => {
  let written = 0;
  const closed = new Promise((resolve) => {
    void serveHttp(t, (_req, res) => {
      const write = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(16_384))) written += 16_384;
      };
      res.on('drain', write);
      res.on('close', resolve);
      write();
    }).then(async (origin) => t.same(await check(origin), OK));
  });
  await closed;
  t.ok(written < 64 * 1024 * 1024);
});

t.test('without a path, a connection is enough, and nothing is sent', async (t) => {
  let received = '';
  const closed = new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
      });
      socket.on('close', resolve);
    });
    void serve(t, server).then(async (origin) => t.same(await check(origin, { settings: { path: '' } }), OK));
  });
  await closed;
  t.equal(received, '');
});

t.test('a Unix socket is checked like any other target', async (t) => {
  // Not t.testdir(): the system cuts off long paths of sockets.
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, 's');
  const hosts: unknown[] = [];
  const origin = await serveHttp(
    t,
    (req, res) => {
      hosts.push(req.headers.host);
      res.end();
    },
    socketPath,
  );
  const target = { socketPath, authority: 'localhost' };
  t.same(await check(origin, { target }), OK);
  t.same(await check(origin, { target, settings: { path: '' } }), OK);
  t.same(hosts, ['localhost']);
  const gone = { target: { ...target, socketPath: `${socketPath}-gone` } };
  t.same(await check(origin, gone), { verdict: 'unreachable', reason: 'no such socket' });
});

t.test(
  'over TLS the certificate has to be right: of a known authority, and of the name that was asked for',
  async (t) => {
    const upstream = await startTlsUpstream({ as: 'orders' });
    t.teardown(() => upstream.close());
    const origin = `https://127.0.0.1:${upstream.port}`;
    const ca = tlsText('ca.crt');
    t.match(await check(origin), { verdict: 'unreachable', reason: /no connection/ });
    t.match(await check(origin, { tls: { ca } }), { verdict: 'unreachable' }, 'an address that it is not for');
    t.same(await check(origin, { tls: { ca, serverName: 'orders.test' } }), OK);
    t.same(await check(origin, { tls: { ca }, target: { serverName: 'orders.test' } }), OK, 'of a discovered address');
    t.same(await check(origin, { tls: { verify: false } }), OK);
    t.equal(upstream.seen.at(-2)?.serverName, 'orders.test');
  },
);

t.test('a target of an http2 upstream is asked over HTTP/2, and has to speak it', async (t) => {
  const upstream = await startTlsUpstream({ as: 'server', http2: true });
  const old = await startTlsUpstream({ as: 'server' });
  t.teardown(() => Promise.all([upstream.close(), old.close()]));
  const options = { tls: { verify: false }, http2: true };
  t.same(await check(`https://127.0.0.1:${upstream.port}`, options), OK);
  t.equal(upstream.seen[0]?.httpVersion, '2.0');
  t.not((await check(`https://127.0.0.1:${old.port}`, options)).verdict, 'ok');
});

t.test('a check that is cancelled tells nothing, and closes its connection', async (t) => {
  let isTold = false;
  const closed = new Promise<void>((resolve) => {
    const server = createServer((socket) => {
      cancel();
      socket.on('close', () => resolve());
      socket.resume();
    });
    let cancel = (): void => {};
    void serve(t, server).then((origin) => {
      const target = { origin, authority: 'a', socketPath: '', basePath: '', weight: 1 };
      const settings = { path: '/', host: '', intervalMs: 1, timeoutMs: 10_000, unhealthyAfter: 1, healthyAfter: 1 };
      const plan = {
        settings: { ...settings, statuses: [[200, 200]] as const },
        connector: new CheckConnector(undefined, false),
        http2: false,
      };
      cancel = checkTarget({ target, plan }, () => {
        isTold = true;
      });
    });
  });
  await closed;
  t.notOk(isTold);
});
