// What the wire transport does with its connections, beyond the contract: which are used again, kept warm, and let go.

import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { TransportOptions } from '../../../src/gateway/upstream/transports/transport.ts';
import { WireTransport } from '../../../src/gateway/upstream/transports/wire/wire-transport.ts';
import { type RawConnection, RawUpstream, turns } from '../../support/raw-upstream.ts';
import { tlsText } from '../../support/tls-files.ts';
import { startTlsUpstream } from '../../support/tls-upstream.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { ask, askAndWait, headOf } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';

const FINE = { outcome: 'end', status: 200, body: 'fine', faults: [] };

async function connect(
  t: Test,
  serve: (connection: RawConnection, index: number) => Promise<void> | void,
  options: Partial<TransportOptions> = {},
): Promise<{ readonly upstream: RawUpstream; readonly transport: WireTransport }> {
  const upstream = await RawUpstream.listen(serve);
  const transport = new WireTransport(transportOptions({ origin: upstream.origin, ...options }));
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  return { upstream, transport };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1);
}

t.test('the connection that was used last is used next, and those that nobody needs are closed', async (t) => {
  const { transport, upstream } = await connect(t, serveForever, { connectionsMax: 4, idleTimeoutMs: 200 });
  await Promise.all(Array.from({ length: 4 }, () => ask(transport)).map(({ settled }) => settled));
  t.equal(upstream.connections.length, 4);
  while (upstream.openCount > 1) {
    await askAndWait(transport);
    await turns(20);
  }
  t.match(await askAndWait(transport), FINE);
  t.equal(upstream.connections.length, 4, 'one was in use all the time');
  await until(() => upstream.openCount === 0);
});

t.test('an upstream that says how long it waits is left before that', async (t) => {
  const { transport, upstream } = await connect(
    t,
    async (connection) => {
      while ((await connection.take()) !== '') {
        connection.send('HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=1\r\nContent-Length: 4\r\n\r\nfine');
      }
    },
    { idleTimeoutMs: 3_600_000 },
  );
  t.match(await askAndWait(transport), FINE);
  await upstream.connections[0]?.closed;
  t.match(await askAndWait(transport), FINE);
});

t.test('so many connections as are asked for are kept warm, and made anew when they end', async (t) => {
  const { transport, upstream } = await connect(t, serveForever, {
    connectionsMax: 4,
    connectionsMin: 2,
    idleTimeoutMs: 100,
  });
  await until(() => upstream.openCount === 2);
  upstream.connections[0]?.end();
  await until(() => upstream.connections.length === 3 && upstream.openCount === 2);
  t.match(await askAndWait(transport), FINE);
  t.equal(upstream.connections.length, 3, 'a request takes a warm one');
  transport.close();
  await until(() => upstream.openCount === 0);
});

t.test('a request that is sent again takes no connection that was idle beside the dead one', async (t) => {
  const { transport, upstream } = await connect(
    t,
    async (connection, index) => {
      await connection.take();
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
      if (index >= 3) return serveForever(connection);
      // Each of the first ends as soon as it is used for the second time.
      await connection.take();
      connection.reset();
    },
    { connectionsMax: 3 },
  );
  await Promise.all(Array.from({ length: 3 }, () => ask(transport)).map(({ settled }) => settled));
  t.equal(upstream.connections.length, 3);
  t.match(await askAndWait(transport), { outcome: 'reset' });
  t.match(await askAndWait(transport, { isRetry: true }), FINE);
  t.equal(upstream.connections.length, 4);
});

t.test('a Unix socket is a target like another', async (t) => {
  const path = join(tmpdir(), `sluice-wire-${process.pid}.sock`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine'));
  }).listen(path);
  await once(server, 'listening');
  const transport = new WireTransport(transportOptions({ origin: 'http://localhost', socketPath: path }));
  t.teardown(async () => {
    await transport.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(path, { force: true });
  });
  for (let i = 0; i < 3; i++) t.match(await askAndWait(transport), FINE);
  t.equal(sockets.size, 1);
  t.ok(existsSync(path));
});

t.test('over TLS, answers come whole, and the next handshake takes up the session of the last', async (t) => {
  const upstream = await startTlsUpstream({ as: 'server' });
  const transport = new WireTransport(
    transportOptions({
      origin: `https://localhost:${upstream.port}`,
      idleTimeoutMs: 100,
      tls: { ca: tlsText('ca.crt'), cert: '', key: '', serverName: '', verify: true },
    }),
  );
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  t.match(await askAndWait(transport), FINE);
  t.match(await askAndWait(transport), FINE);
  t.equal(upstream.connections, 1);
  await until(() => upstream.openCount === 0);
  t.match(await askAndWait(transport), FINE);
  t.equal(upstream.connections, 2);
  t.equal(upstream.resumed, 1);
});

t.test(
  'a client that does not read gives up its connection when another request waits for it, and only then',
  async (t) => {
    const { transport } = await connect(
      t,
      async (connection) => {
        const long = (await connection.take()).includes('/long');
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${long ? 8 : 4}\r\n\r\nfine`);
        await serveForever(connection);
      },
      { connectionsMax: 1 },
    );
    const slow = ask(transport, { path: '/long' });
    slow.onChunkTold = () => slow.call?.pause();
    await headOf(slow);
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 800);
    t.equal(slow.outcome, '', 'nobody waits: it is left alone');
    t.match(await askAndWait(transport), FINE);
    t.equal(slow.outcome, 'slow-client');
  },
);

t.test(
  'neither does one that sends nothing of its body; one that is read, or waits for the upstream, keeps its own',
  async (t) => {
    const { transport } = await connect(
      t,
      async (connection) => {
        if ((await connection.take()).startsWith('POST')) return;
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
      },
      { connectionsMax: 1 },
    );
    const slow = ask(transport, { method: 'POST', bodyLength: 100 });
    slow.call?.sendBody(Buffer.from('x'), false);
    const next = ask(transport);
    await next.settled;
    t.match(next, FINE);
    t.equal(slow.outcome, 'slow-client');
    const silent = await connect(t, async (connection) => void (await connection.take()), { connectionsMax: 1 });
    const waits = ask(silent.transport);
    const behind = ask(silent.transport);
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 800);
    t.same([waits.outcome, behind.outcome], ['', ''], 'it is the upstream that is slow');
  },
);
