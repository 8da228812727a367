// WebSockets end to end: what each side says reaches the other, whichever way it ends.

import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import type { WebSocket } from 'ws';
import { sample } from '../support/configs.ts';
import { type Ending, endingOf, inTime, SocketClient } from '../support/socket-client.ts';
import { echoMessages, type SocketUpstream, startSocketUpstream } from '../support/socket-upstream.ts';
import { type Engine, type Fixture, signal, startFixture } from './fixture.ts';

const KIB = 1_024;

interface Rig {
  readonly f: Fixture;
  readonly upstream: SocketUpstream;
  readonly url: string;
  /** A client, and the upstream's side of its WebSocket. */
  pair(path: string): Promise<{ client: SocketClient; server: WebSocket; serverClosed: Promise<Ending> }>;
}

export async function websocketSuite(engine: Engine): Promise<void> {
  const rig = await startRig(engine);
  messages(rig);
  pings(rig);
  closes(rig);
  cuts(rig);
  limits(rig);
  telemetry(rig);
}

async function startRig(engine: Engine): Promise<Rig> {
  const upstream = await startSocketUpstream(t);
  const f = await startFixture(
    t,
    engine,
    () => `
upstreams:
  main: { targets: ["${upstream.url}"] }
  hasty: { targets: ["${upstream.url}"], timeouts: { idle: 200ms } }
  brief: { targets: ["${upstream.url}"], timeouts: { total: 300ms } }
services:
  all: { upstream: main, websocket: true, routes: { any: { match: "ANY /{rest*}" } } }
  hasty: { path: /hasty, upstream: hasty, routes: { any: { match: "GET /{rest*}", websocket: true } } }
  brief: { path: /brief, upstream: brief, routes: { any: { match: "GET /{rest*}", websocket: true } } }
`,
    '  limits: { messageBytes: 256KiB }\n  accessLog: { file: "-" }',
  );
  const url = `ws://127.0.0.1:${f.gateway.port}`;
  upstream.on('/echo', echoMessages);
  return {
    f,
    upstream,
    url,
    async pair(path) {
      const arrived = signal<WebSocket>();
      upstream.on(path, arrived.resolve);
      const client = await SocketClient.open(url + path);
      const server = await arrived.promise;
      return { client, server, serverClosed: endingOf(server) };
    },
  };
}

function messages({ upstream, url, pair }: Rig): void {
  t.test('text stays text, binary stays binary, and nothing is lost of the empty and the large', async (t) => {
    const client = await SocketClient.open(`${url}/echo`);
    for (const text of ['', 'hello', 'žluťoučký 🐎', 'x'.repeat(256 * KIB)]) {
      client.ws.send(text);
      const heard = await client.next();
      t.equal(heard.isBinary, false);
      t.ok(heard.text === text, `${text.length} characters`);
    }
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 256 * KIB]) {
      const bytes = randomBytes(size);
      client.ws.send(bytes);
      const heard = await client.next();
      t.equal(heard.isBinary, true);
      t.ok(heard.bytes.equals(bytes), `${size} bytes`);
    }
    client.ws.close(1000);
    t.equal((await client.closed).code, 1000);
  });

  t.test('a message in fragments arrives as one, either way', async (t) => {
    const { client, server } = await pair('/fragments');
    const heard = signal<string>();
    server.on('message', (message) => heard.resolve(message.toString()));
    for (const [part, fin] of [
      ['one ', false],
      ['', false],
      ['two ', false],
      ['three', true],
    ] as const) {
      client.ws.send(part, { fin });
      server.send(part, { fin });
    }
    t.equal(await heard.promise, 'one two three');
    t.match(await client.next(), { text: 'one two three', isBinary: false });
    client.ws.terminate();
  });

  t.test('a thousand messages each way keep their order', async (t) => {
    const client = await SocketClient.open(`${url}/echo`);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    for (let n = 0; n < 1_000; n++) {
      client.ws.send(String(n));
      sent.update(`${n},`);
    }
    for (let n = 0; n < 1_000; n++) received.update(`${(await client.next()).text},`);
    t.equal(received.digest('hex'), sent.digest('hex'));
    client.ws.close();
    await client.closed;
  });

  t.test('what the upstream says right behind its 101 reaches the client', async (t) => {
    upstream.on('/hasty-server', (ws) => {
      for (let n = 0; n < 10; n++) ws.send(String(n));
      ws.close(4000, 'done');
    });
    const client = await SocketClient.open(`${url}/hasty-server`);
    const heard: string[] = [];
    for (let n = 0; n < 10; n++) heard.push((await client.next()).text);
    t.same(heard, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    t.same(await client.closed, { code: 4000, reason: 'done' });
  });

  t.test('what the client says right behind its 101 reaches the upstream', async (t) => {
    const heard = signal<string>();
    upstream.on('/hasty-client', (ws) => ws.on('message', (message) => heard.resolve(message.toString())));
    const client = await SocketClient.open(`${url}/hasty-client`);
    client.ws.send('first');
    t.equal(await heard.promise, 'first');
    client.ws.terminate();
  });
}

function pings({ pair }: Rig): void {
  t.test('a ping is answered, once and with its bytes, and the other end gets one as well', async (t) => {
    const { client, server } = await pair('/pings');
    for (const [from, to] of [
      [client.ws, server],
      [server, client.ws],
    ] as const) {
      const ping = signal<string>();
      const pongs: string[] = [];
      to.once('ping', (payload) => ping.resolve(payload.toString()));
      const onPong = (payload: Buffer) => void pongs.push(payload.toString());
      from.on('pong', onPong);
      from.ping('are you there');
      t.equal(await ping.promise, 'are you there');
      // A second one, answered behind whatever else came for the first.
      const second = signal();
      from.on('pong', () => pongs.includes('second') && second.resolve());
      from.ping('second');
      await second.promise;
      t.same(pongs, ['are you there', 'second']);
      from.off('pong', onPong);
    }
    client.ws.terminate();
  });
}

function closes({ f, pair }: Rig): void {
  const codes = [1000, 1001, 1003, 1008, 1011, 4000, 4999];

  t.test('the client closes: its code and reason reach the upstream, and it gets its answer', async (t) => {
    for (const code of [...codes, ...(f.engine === 'node' ? [1012, 1014, 3000, 3999] : [])]) {
      const { client, serverClosed } = await pair('/client-closes');
      client.ws.close(code, `because ${code}`);
      t.same(await serverClosed, { code, reason: `because ${code}` });
      t.equal((await client.closed).code, code);
    }
    const { client, serverClosed } = await pair('/client-closes');
    client.ws.close();
    t.same(await serverClosed, { code: 1005, reason: '' });
  });

  t.test('the upstream closes: its code and reason reach the client', async (t) => {
    for (const code of [...codes, 1012, 1014, 3000, 3999]) {
      const { client, server } = await pair('/server-closes');
      server.send('last words');
      server.close(code, `because ${code}`);
      t.equal((await client.next()).text, 'last words');
      t.same(await client.closed, { code, reason: `because ${code}` });
    }
    const { client, server } = await pair('/server-closes');
    server.close();
    t.same(await client.closed, { code: 1005, reason: '' });
  });

  if (f.engine === 'uws') {
    t.test('codes of a client that uWebSockets.js does not know are a close without a code', async (t) => {
      for (const code of [1012, 1014, 3000, 3999]) {
        const { client, serverClosed } = await pair('/odd-codes');
        client.ws.close(code, 'lost');
        t.same(await serverClosed, { code: 1005, reason: '' });
        t.equal((await client.closed).code, 1005);
      }
    });
  }
}

function cuts({ f, pair }: Rig): void {
  t.test('a client that breaks off takes the upstream’s side with it', async (t) => {
    const { client, serverClosed } = await pair('/client-cut');
    client.ws.terminate();
    t.equal((await serverClosed).code, 1006);
  });

  t.test('an upstream that breaks off takes the client’s side with it', async (t) => {
    const { client, server } = await pair('/server-cut');
    server.terminate();
    t.equal((await client.closed).code, 1006);
  });

  t.test('a client that breaks the protocol is cut, and so is the upstream’s side', async (t) => {
    const { client, serverClosed } = await pair('/bad-utf8');
    client.ws.send(Buffer.from([0xc3, 0x28]), { binary: false });
    t.equal((await serverClosed).code, 1006);
    await client.closed;
  });

  t.test('an upstream that breaks the protocol is cut, and so is the client', async (t) => {
    const { client, server } = await pair('/server-bad-utf8');
    server.send(Buffer.from([0xc3, 0x28]), { binary: false });
    t.equal((await client.closed).code, 1006);
  });

  t.test('after all of these the gateway works, and holds nothing', async (t) => {
    const client = await SocketClient.open(`ws://127.0.0.1:${f.gateway.port}/echo`);
    client.ws.send('still');
    t.equal((await client.next()).text, 'still');
    client.ws.close();
    await client.closed;
    await none(f);
    t.pass();
  });
}

function limits({ pair, upstream, url }: Rig): void {
  t.test('a message beyond messageBytes closes both sides with 1009', async (t) => {
    for (const fin of [true, false]) {
      const { client, serverClosed } = await pair('/client-large');
      client.ws.send(Buffer.alloc(200 * KIB), { fin });
      client.ws.send(Buffer.alloc(fin ? 256 * KIB + 1 : 56 * KIB + 1));
      t.equal((await client.closed).code, 1009);
      t.equal((await serverClosed).code, 1009);
    }
    const { client, server, serverClosed } = await pair('/server-large');
    server.send(Buffer.alloc(256 * KIB + 1));
    t.equal((await serverClosed).code, 1009);
    t.equal((await client.closed).code, 1009);
  });

  t.test('a message far beyond it never fills memory: the upstream’s side learns 1009', async (t) => {
    const { client, serverClosed } = await pair('/client-huge');
    client.ws.send(Buffer.alloc(16 * KIB * KIB));
    t.equal((await serverClosed).code, 1009);
    t.match((await client.closed).code, /1009|1006/);
  });

  t.test('a WebSocket on which nothing is said for idle is closed with 1001', async (t) => {
    const { client, serverClosed } = await pair('/hasty/idle');
    t.same(await client.closed, { code: 1001, reason: 'nothing was said for too long' });
    t.same(await serverClosed, { code: 1001, reason: 'nothing was said for too long' });
  });

  t.test('timeouts.total ends it, however much is said', async (t) => {
    upstream.on('/brief/x', echoMessages);
    const client = await SocketClient.open(`${url}/brief/x`);
    const ticker = setInterval(() => client.ws.send('x'), 20);
    t.equal((await inTime(client.closed, 'total')).code, 1001);
    clearInterval(ticker);
  });
}

function telemetry({ f, pair }: Rig): void {
  t.test('open WebSockets and messages are counted', async (t) => {
    await none(f);
    const before = await counts(f);
    const first = await pair('/counted');
    const second = await pair('/counted');
    first.client.ws.send('1');
    first.client.ws.send('2');
    await new Promise((resolve) => first.server.once('message', resolve));
    second.server.send('3');
    await second.client.next();
    // The reply to this one comes behind the messages before.
    const ping = new Promise((resolve) => first.server.once('ping', resolve));
    first.client.ws.ping();
    await ping;
    const open = await counts(f);
    t.same([open.sessions, open.in - before.in, open.out - before.out], [2, 2, 1]);
    for (const { client } of [first, second]) client.ws.close();
    await none(f);
    t.equal((await counts(f)).inFlight, 0);
    t.equal((await counts(f)).connections, 0, 'of uws, which counts them');
  });

  t.test('the access log has one line for it, when it ends', async (t) => {
    const from = f.gateway.output().length;
    const { client, server } = await pair('/logged');
    client.ws.send('four');
    await new Promise((resolve) => server.once('message', resolve));
    server.send('seventy');
    await client.next();
    client.ws.close(1000);
    await f.gateway.waitForOutput('"path":"/logged"', from);
    const line = f.gateway
      .output()
      .slice(from)
      .split('\n')
      .find((text) => text.includes('"path":"/logged"'));
    t.match(JSON.parse(line ?? '{}'), {
      service: 'all',
      method: 'GET',
      status: 101,
      upstream: 'main',
      requestBytes: 4,
      responseBytes: 7,
    });
  });
}

/** Resolves when no WebSocket is open. */
async function none(f: Fixture): Promise<void> {
  const ends = Date.now() + 10_000;
  while ((await counts(f)).sessions > 0) if (Date.now() > ends) throw new Error('WebSockets stayed open');
}

async function counts(f: Fixture) {
  const page = await (await fetch(`${f.gateway.admin}/metrics`)).text();
  const of = (name: string, labels = 'worker="0"') => sample(page, name, labels);
  return {
    sessions: of('sluice_websockets'),
    inFlight: of('sluice_requests_in_flight'),
    connections: f.engine === 'uws' ? of('sluice_connections') : 0,
    in: of('sluice_websocket_messages_total', 'direction="in"'),
    out: of('sluice_websocket_messages_total', 'direction="out"'),
  };
}
