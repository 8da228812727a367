import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { ProxiedRequest } from '../../loadtest/faults/fault.ts';
import { FaultProxy } from '../../loadtest/faults/fault-proxy.ts';
import { RawClient } from '../support/raw-client.ts';

const REQUEST = 'GET /a HTTP/1.1\r\nhost: a\r\n\r\n';
const BODY = 'x'.repeat(2_000);

interface Rig {
  readonly proxy: FaultProxy;
  /** What the proxy saw, and what came through to the upstream. */
  readonly seen: ProxiedRequest[];
  readonly served: string[];
  open(): Promise<RawClient>;
}

async function startRig(
  t: Test,
  serve = (_req: IncomingMessage, res: ServerResponse) =>
    void res.writeHead(200, { 'content-length': BODY.length }).end(BODY),
): Promise<Rig> {
  const served: string[] = [];
  const server = createServer((req, res) => {
    served.push(`${req.method} ${req.url}`);
    req.resume().on('end', () => serve(req, res));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await FaultProxy.listen((server.address() as AddressInfo).port);
  const seen: ProxiedRequest[] = [];
  proxy.onRequest = (request) => void seen.push(request);
  t.teardown(async () => {
    await proxy.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    proxy,
    seen,
    served,
    async open() {
      const client = await RawClient.open(proxy.port);
      t.teardown(() => client.close());
      return client;
    },
  };
}

/** How a connection ends: an error's code, or 'FIN'. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('end', () => resolve('FIN'));
  });
}

t.test('without a fault, everything passes both ways, and requests are noted', async (t) => {
  const { proxy, seen, served, open } = await startRig(t);
  const client = await open();
  const beforeMs = performance.now();
  client.send(REQUEST);
  t.ok((await client.answer()).endsWith(`\r\n\r\n${BODY}`));
  client.send(`POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n`);
  client.send('GET /c HTTP/1.1 body');
  await client.until(() => client.received.length >= 2 * BODY.length);
  t.match(seen, [
    { method: 'GET', path: '/a' },
    { method: 'POST', path: '/b' },
  ]);
  t.equal(seen.length, 2, 'a body is no request');
  t.same(served, ['GET /a', 'POST /b']);
  t.ok((seen[0]?.atMs ?? 0) >= beforeMs);
  t.equal(proxy.connectionCount, 1);
});

t.test('a large answer passes whole, with a reader that is slow to take it', async (t) => {
  const body = Buffer.alloc(3_000_000, 'sluice');
  const { open } = await startRig(t, (_req, res) => void res.end(body));
  const client = await open();
  client.socket.pause();
  client.send('GET / HTTP/1.0\r\n\r\n');
  setImmediate(() => client.socket.resume());
  const received = await client.waitForClose();
  t.equal(received.length - received.indexOf('\r\n\r\n') - 4, body.length);
});

t.test('refuse: connects are refused, what is open is reset, and the port comes back', async (t) => {
  const { proxy, open } = await startRig(t);
  const end = endOf((await open()).socket);
  await proxy.set({ kind: 'refuse' });
  t.equal(await end, 'ECONNRESET');
  t.equal(proxy.openCount, 0);
  t.equal(await endOf(connect(proxy.port, '127.0.0.1')), 'ECONNREFUSED');
  await proxy.set({ kind: 'pass' });
  const client = await open();
  client.send(REQUEST);
  t.match(await client.answer(), /^HTTP\/1\.1 200/);
});

t.test('hang-up: at the connect or at the request, which the upstream never sees', async (t) => {
  const { proxy, seen, served, open } = await startRig(t);
  for (const [how, end] of [
    ['close', 'FIN'],
    ['reset', 'ECONNRESET'],
  ] as const) {
    await proxy.set({ kind: 'hang-up', at: 'connect', how });
    t.equal(await endOf(connect(proxy.port, '127.0.0.1').resume()), end, how);
    await proxy.set({ kind: 'hang-up', at: 'request', how });
    const client = await open();
    const ended = endOf(client.socket);
    client.send(REQUEST);
    t.equal(await ended, end, how);
    t.equal(client.received, '');
  }
  t.equal(seen.length, 2, 'it was noted all the same');
  t.same(served, []);
});

t.test('cut: so many bytes of an answer, and then its end', async (t) => {
  const { proxy, served, open } = await startRig(t);
  for (const afterBytes of [0, 10, 500]) {
    for (const [how, end] of [
      ['close', 'FIN'],
      ['half-close', 'FIN'],
      ['reset', 'ECONNRESET'],
    ] as const) {
      await proxy.set({ kind: 'cut', afterBytes, how });
      const client = await open();
      const ended = endOf(client.socket);
      client.send(REQUEST);
      // A reader that is late finds bytes and reset at once, and Node takes that for an ordinary end.
      const isLate = how === 'reset' && afterBytes > 0;
      t.match(await ended, isLate ? /^(?:ECONNRESET|FIN)$/ : end, `${how} after ${afterBytes}`);
      t.equal(client.received.length, afterBytes, `${how} after ${afterBytes}`);
    }
  }
  t.equal(served.length, 9, 'the upstream has answered');
});

t.test('cut with a stall, silent: the connection stays open and says no more', async (t) => {
  const { proxy, seen, served, open } = await startRig(t);
  await proxy.set({ kind: 'cut', afterBytes: 30, how: 'stall' });
  const stalled = await open();
  stalled.send(REQUEST);
  await stalled.until(() => stalled.received.length === 30);
  await proxy.set({ kind: 'silent' });
  const silent = await open();
  silent.send(REQUEST);
  // Another connection is served meanwhile: whatever the two could be sent, they were.
  proxy.setNext({ kind: 'pass' });
  const served1 = await open();
  served1.send(REQUEST);
  await served1.answer();
  t.equal(stalled.received.length, 30);
  t.equal(silent.received, '');
  t.notOk(stalled.closed || silent.closed);
  t.equal(seen.length, 3);
  t.equal(served.length, 2);
});

t.test('delay and throttle: later, in pieces, in order, and whole', async (t) => {
  const { proxy, open } = await startRig(t);
  await proxy.set({ kind: 'delay', ms: 30 });
  const delayed = await open();
  const fromMs = performance.now();
  delayed.send(REQUEST);
  t.ok((await delayed.answer()).endsWith(BODY));
  t.ok(performance.now() - fromMs >= 28, 'a timer may be a millisecond early');

  await proxy.set({ kind: 'throttle', bytes: 300, everyMs: 3 });
  const slow = await open();
  let pieceCount = 0;
  slow.socket.on('data', (chunk: Buffer) => {
    pieceCount++;
    // A reader that is late finds several at once.
    t.ok(chunk.length % 300 === 0 || slow.received.length > BODY.length);
  });
  slow.send(REQUEST);
  t.ok((await slow.answer()).endsWith(BODY));
  t.ok(pieceCount > 1);
});

t.test('answer: these bytes, and the upstream is not asked', async (t) => {
  const { proxy, served, open } = await startRig(t);
  await proxy.set({ kind: 'answer', bytes: '\u0000\u00ffno http' });
  const client = await open();
  client.send(REQUEST);
  t.equal(await client.waitFor('no http'), '\u0000\u00ffno http');
  t.same(served, []);
});

t.test('a fault holds for connections that are open; one for the next connection, for that one only', async (t) => {
  const { proxy, open } = await startRig(t);
  const kept = await open();
  kept.send(REQUEST);
  await kept.answer();
  proxy.setNext({ kind: 'answer', bytes: 'own' });
  const own = await open();
  own.send(REQUEST);
  t.equal(await own.waitFor('own'), 'own');
  kept.send(REQUEST);
  await kept.until(() => kept.received.length > 2 * BODY.length);
  const ended = endOf(kept.socket);
  await proxy.set({ kind: 'cut', afterBytes: 0, how: 'reset' });
  kept.send(REQUEST);
  t.equal(await ended, 'ECONNRESET');
  own.send(REQUEST);
  t.equal(await own.waitFor('ownown'), 'ownown', 'to its end');
});

t.test('an upstream that is not there resets those who ask for it; another one takes its place', async (t) => {
  const { proxy, open } = await startRig(t);
  const { port } = new URL(proxy.url);
  t.equal(Number(port), proxy.port);
  const other = await startRig(t);
  const gone = await FaultProxy.listen(0);
  const gonePort = gone.port;
  await gone.close();
  proxy.forwardTo(gonePort);
  const client = await open();
  const ended = endOf(client.socket);
  client.send(REQUEST);
  t.equal(await ended, 'ECONNRESET');
  proxy.forwardTo(other.proxy.port);
  const next = await open();
  next.send(REQUEST);
  t.match(await next.answer(), /^HTTP\/1\.1 200/);
});
