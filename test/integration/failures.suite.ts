// What goes wrong on the upstream's side: each failure before an answer's head is a problem of its own, and each one after
// it cuts the client's connection, so that no short body ever looks whole.

import type { Socket } from 'node:net';
import t from 'tap';
import { startFullListener } from '../support/full-listener.ts';
import { resetConnection } from '../support/reset-connection.ts';
import {
  type Engine,
  type Fixture,
  sendRequest,
  signal,
  startFixture,
  startRawUpstream,
  tell,
  until,
} from './fixture.ts';

const config = (web: string, raw: string) => `
upstreams:
  web: { targets: ["${web}"] }
  raw: { targets: ["${raw}"] }
  hasty: { targets: ["${raw}"], timeouts: { response: 150ms, idle: 150ms } }
  brief: { targets: ["${raw}"], timeouts: { total: 200ms } }
  narrow: { targets: ["${raw}"], connections: 1 }
services:
  any: { upstream: web, routes: { any: { match: "ANY /{rest*}" } } }
  raw: { path: /raw, upstream: raw, routes: { any: { match: "ANY /{rest*}" } } }
  hasty: { path: /hasty, upstream: hasty, routes: { any: { match: "ANY /{rest*}" } } }
  brief: { path: /brief, upstream: brief, routes: { any: { match: "ANY /{rest*}" } } }
  narrow: { path: /narrow, upstream: narrow, routes: { any: { match: "ANY /{rest*}" } } }
`;

export async function failuresSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config);
  beforeTheHead(f);
  unreachable(f);
  afterTheHead(f);
  timeouts(f);
  retries(f);
  interim(f);
  busy(f);
}

function beforeTheHead(f: Fixture): void {
  const OK = 'content-length: 2\r\n\r\nok';

  t.test('an upstream that closes before its answer gives 502', async (t) => {
    for (const end of ['', 'HTTP/1.1', 'HTTP/1.1 200 OK\r\ncontent-le']) {
      f.raw.on('/raw/closes', (socket) => socket.end(end));
      const answer = await f.send('/raw/closes', { method: 'POST', body: 'x' });
      t.match(answer, { status: 502, headers: { 'content-type': 'application/problem+json' } });
      t.match(answer.json, { type: /\/bad-gateway$/, status: 502, code: 'BAD_GATEWAY', requestId: /^\S+$/ });
      t.notMatch(answer.text, String(f.raw.port), 'the address is not told');
    }
  });

  t.test('an upstream that resets its connection gives 502', async (t) => {
    f.raw.on('/raw/resets', resetConnection);
    t.match((await f.send('/raw/resets', { method: 'POST', body: 'x' })).json, { status: 502, code: 'BAD_GATEWAY' });
  });

  const garbage: Record<string, string> = {
    'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'a status of letters': `HTTP/1.1 abc OK\r\n${OK}`,
    'another version': `HTTP/3.7 200 OK\r\n${OK}`,
    'two different lengths': `HTTP/1.1 200 OK\r\ncontent-length: 3\r\n${OK}`,
    'the same length twice': `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n${OK}`,
    'a length and chunks':
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'a length that is no number': 'HTTP/1.1 200 OK\r\ncontent-length: 2x\r\n\r\nok',
    'a negative length': 'HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok',
    'a control character in a value': `HTTP/1.1 200 OK\r\nx-a: b\x01c\r\n${OK}`,
    'a NUL in a value': `HTTP/1.1 200 OK\r\nx-a: b\0c\r\n${OK}`,
    'a DEL in a value': `HTTP/1.1 200 OK\r\nx-a: b\x7fc\r\n${OK}`,
    'a bare CR in a value': `HTTP/1.1 200 OK\r\nx-a: b\rc: d\r\n${OK}`,
    'a name that is no token': `HTTP/1.1 200 OK\r\nx a: b\r\n${OK}`,
    'an empty name': `HTTP/1.1 200 OK\r\n: b\r\n${OK}`,
    'a space before the colon': `HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok`,
    'a head of more than 64 KiB': `HTTP/1.1 200 OK\r\n${`x-a: ${'b'.repeat(1_000)}\r\n`.repeat(70)}${OK}`,
    'an upgrade that nobody asked for':
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(garbage)) {
    t.test(`${what} gives 502`, async (t) => {
      f.raw.on('/raw/garbage', (socket) => socket.write(bytes, 'latin1'));
      const answer = await f.send('/raw/garbage', { method: 'POST', body: 'x' });
      t.match(answer.json, { status: 502, code: 'BAD_GATEWAY' });
    });
  }

  t.test('after every one of these the next request is served', async (t) => {
    f.raw.on('/raw/fine', (socket) => socket.write(`HTTP/1.1 200 OK\r\n${OK}`));
    t.match(await f.send('/raw/fine'), { status: 200, text: 'ok' });
  });
}

function unreachable(f: Fixture): void {
  t.test('a connection that is refused gives 502', async (t) => {
    // A port that was free a moment ago.
    const gone = await startRawUpstream(t);
    const own = await startFixture(t, f.engine, () => oneService(`targets: ["${gone.url}"]`));
    await gone.close();
    for (const method of ['GET', 'POST']) {
      const answer = await own.send('/x', { method });
      t.equal(answer.status, 502);
      t.match(answer.json, { code: 'UPSTREAM_UNREACHABLE' });
      t.notMatch(answer.text, String(gone.port));
    }
  });

  t.test('a connection that does not come about in time gives 504', async (t) => {
    const full = await startFullListener(t);
    const own = await startFixture(t, f.engine, () =>
      oneService(`targets: ["http://127.0.0.1:${full}"], timeouts: { connect: 100ms }`),
    );
    const answer = await own.send('/x', { method: 'POST', body: 'x' });
    t.equal(answer.status, 504);
    t.match(answer.json, { code: 'UPSTREAM_TIMEOUT' });
  });
}

function afterTheHead(f: Fixture): void {
  const cuts: Record<string, string> = {
    'known length': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart',
    'known length, not one byte of it': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n',
    chunks: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n',
    'chunks, in the middle of one': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\npart',
    'chunks, not one of them': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
    'chunks, then garbage': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\nxyz\r\n',
    'known length on a closing connection': 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\npart',
  };
  for (const [what, bytes] of Object.entries(cuts)) {
    for (const way of ['closed', 'reset'] as const) {
      t.test(`an answer cut short (${what}; ${way}) never looks whole`, async (t) => {
        const socket = signal<Socket>();
        f.raw.on('/raw/cut', (upstream) => {
          upstream.write(bytes);
          socket.resolve(upstream);
        });
        const client = await f.open();
        client.send('POST /raw/cut HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
        const upstream = await socket.promise;
        // Some of these are seen through at once.
        if (bytes.includes('part')) await until(client, () => client.closed || client.received.includes('part'));
        if (way === 'closed') upstream.end();
        else resetConnection(upstream);
        await until(client, () => client.closed || client.received.includes('BAD_GATEWAY'));
        const { received } = client;
        t.notOk(received.endsWith('\r\n0\r\n\r\n'), 'no last chunk');
        t.notMatch(received.slice(10), 'HTTP/1.1', 'no second answer behind the first');
        const [head = '', body = ''] = received.split('\r\n\r\n');
        // The reset may have come before the head was read.
        if (head.startsWith('HTTP/1.1 502') && !bytes.includes('part')) return;
        if (head !== '') t.match(head, /^HTTP\/1\.1 200 OK\r\n/);
        if (/content-length/i.test(head)) t.match(head, /content-length: 100/i);
        t.ok(body.length < 100);
      });
    }
  }

  t.test('an answer that ends with its connection and is reset never looks whole', async (t) => {
    const socket = signal<Socket>();
    f.raw.on('/raw/cut', (upstream) => {
      upstream.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\npart');
      socket.resolve(upstream);
    });
    const client = await f.open();
    client.send('GET /raw/cut HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.waitFor('part');
    resetConnection(await socket.promise);
    t.notMatch(await client.waitForClose(), /\r\n0\r\n\r\n$/);
  });

  t.test('a body longer than announced is cut at its length', async (t) => {
    f.raw.on('/raw/long', (socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\nevil'),
    );
    t.match(await f.send('/raw/long'), { status: 200, text: 'body', isCut: false });
    f.raw.on('/raw/fine', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    t.match(await f.send('/raw/fine'), { status: 200, text: 'ok' }, 'what came too much answers nobody');
  });
}

function timeouts(f: Fixture): void {
  t.test('an upstream that does not answer in time gives 504, and loses its connection', async (t) => {
    const closed = signal();
    f.raw.on('/hasty/silent', (socket) => socket.on('close', () => closed.resolve()));
    for (const options of [{}, { method: 'POST', body: 'x' }]) {
      const answer = await f.send('/hasty/silent', options);
      t.equal(answer.status, 504);
      t.match(answer.json, { code: 'UPSTREAM_TIMEOUT' });
    }
    await closed.promise;
  });

  t.test('an answer that stalls in its body is cut', async (t) => {
    const closed = signal();
    for (const framing of ['content-length: 9', 'transfer-encoding: chunked']) {
      f.raw.on('/hasty/stalls', (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.startsWith('c') ? 'part' : '4\r\npart\r\n'}`);
        socket.on('close', () => closed.resolve());
      });
      const answer = await f.send('/hasty/stalls');
      t.match(answer, { status: 200, text: 'part', isCut: true });
    }
    await closed.promise;
  });

  t.test('an answer that comes slowly, but comes, is not cut', async (t) => {
    f.raw.on('/hasty/slow', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n');
      let sent = 0;
      const timer = setInterval(() => {
        socket.write('x');
        if (++sent === 10) clearInterval(timer);
      }, 50);
    });
    t.match(await f.send('/hasty/slow'), { status: 200, text: 'xxxxxxxxxx', isCut: false });
  });

  t.test('the total time ends an answer that comes and comes', async (t) => {
    f.raw.on('/brief/endless', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    t.match(await f.send('/brief/endless'), { status: 200, isCut: true });
    f.raw.on('/brief/silent', () => {});
    t.equal((await f.send('/brief/silent')).status, 504);
  });

  t.test('an upload that its client lets stall is answered 408, and closed', async (t) => {
    const closed = signal();
    f.raw.on('/hasty/upload', (socket) => socket.on('close', () => closed.resolve()));
    for (const start of ['content-length: 100\r\n\r\npart', 'transfer-encoding: chunked\r\n\r\n4\r\npart\r\n']) {
      const client = await f.open();
      client.send(`POST /hasty/upload HTTP/1.1\r\nhost: a\r\n${start}`);
      const answer = await client.waitForClose();
      t.match(answer, /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/);
      t.match(answer, /\r\nconnection: close\r\n/i);
    }
    await closed.promise;
  });
}

function retries(f: Fixture): void {
  /** Serves one request on each connection, and closes it when the second comes. */
  function staleOnce(path: string): string[] {
    const seen: string[] = [];
    const served = new WeakSet<Socket>();
    f.raw.on(path, (socket, head, connection) => {
      seen.push(`${head.split(' ')[0]} on ${connection}`);
      if (served.has(socket)) return void socket.destroy();
      served.add(socket);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
    return seen;
  }

  t.test('a kept connection that closes under a request is replaced once where repeating does no harm', async (t) => {
    const seen = staleOnce('/narrow/stale');
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      seen.length = 0;
      // Whatever was kept is used up by this one.
      await f.send('/narrow/stale');
      t.match(await f.send('/narrow/stale', { method }), { status: 200 }, method);
      t.ok(seen.length >= 2);
    }
  });

  t.test('a POST is not repeated', async (t) => {
    const seen = staleOnce('/narrow/stale');
    t.equal((await f.send('/narrow/stale')).status, 200);
    const before = seen.filter((line) => line.startsWith('POST')).length;
    t.equal((await f.send('/narrow/stale', { method: 'POST' })).status, 502);
    t.equal(seen.filter((line) => line.startsWith('POST')).length, before + 1);
  });

  t.test('nor is a request with a body, and nothing more than once', async (t) => {
    let count = 0;
    f.raw.on('/raw/never', (socket) => {
      count++;
      socket.destroy();
    });
    t.equal((await f.send('/raw/never', { method: 'PUT', body: 'x' })).status, 502);
    t.equal(count, 1);
    t.equal((await f.send('/raw/never')).status, 502);
    t.equal(count, 3);
  });
}

function interim(f: Fixture): void {
  t.test('103 and 102 do not reach the client, the answer behind them does', async (t) => {
    f.web.on('/hints', (_req, res) => {
      res.writeProcessing();
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      res.writeHead(200, { 'content-length': 2 }).end('ok');
    });
    const client = await f.open();
    client.send('GET /hints HTTP/1.1\r\nhost: a\r\n\r\n');
    const answer = await client.answer();
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
    t.notMatch(answer, 'preload');
  });
}

function busy(f: Fixture): void {
  t.test('what finds no connection waits, and what finds no place to wait is answered 503', async (t) => {
    const waiting: Socket[] = [];
    const first = signal();
    f.raw.on('/narrow/hold', (socket) => {
      waiting.push(socket);
      first.resolve();
    });
    const answers = Array.from({ length: 8 }, () => sendRequest(f.gateway.port, '/narrow/hold'));
    await first.promise;
    // One connection, and four that may wait for it.
    const refused = await firstOf(answers, 3);
    for (const answer of refused) {
      t.equal(answer.status, 503);
      t.match(answer.json, { code: 'UPSTREAM_BUSY' });
    }
    f.raw.on('/narrow/hold', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    t.equal(waiting.length, 1);
    waiting[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    const all = await Promise.all(answers);
    t.same(all.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 503, 503, 503]);
    f.web.on('/after', tell);
    t.equal((await f.send('/after')).status, 200);
  });
}

/** The first so many that resolve. */
function firstOf<T>(promises: readonly Promise<T>[], count: number): Promise<readonly T[]> {
  return new Promise((resolve, reject) => {
    const values: T[] = [];
    for (const promise of promises) {
      promise.then((value) => {
        values.push(value);
        if (values.length === count) resolve([...values]);
      }, reject);
    }
  });
}

function oneService(upstream: string): string {
  return `
upstreams: { only: { ${upstream} } }
services: { only: { upstream: only, routes: { any: { match: "ANY /{rest*}" } } } }
`;
}
