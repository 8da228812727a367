// The handshake of a WebSocket: who gets one, what the upstream hears of it, and how a refusal reads.

import t from 'tap';
import { startFullListener } from '../support/full-listener.ts';
import { RawClient, statusOf } from '../support/raw-client.ts';
import { type Refusal, SocketClient } from '../support/socket-client.ts';
import { acceptOf, echoMessages, type SocketUpstream, startSocketUpstream } from '../support/socket-upstream.ts';
import { type Engine, type Fixture, signal, startFixture, startRawUpstream } from './fixture.ts';

const KIB = 1_024;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = [
  'Host: gateway.example',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
];

interface Rig {
  readonly f: Fixture;
  readonly upstream: SocketUpstream;
  readonly url: string;
  /** The whole answer to a handshake of these lines. */
  ask(target: string, lines?: readonly string[], method?: string): Promise<string>;
}

const config = (upstream: string, raw: string, gone: string) => `
upstreams:
  main: { targets: ["${upstream}"] }
  based: { targets: ["${upstream}/base"] }
  gone: { targets: ["${gone}"] }
  raw: { targets: ["${raw}"], timeouts: { response: 150ms } }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }] }
services:
  open: { upstream: main, websocket: true, routes: { any: { match: "ANY /{rest*}" } } }
  shut: { path: /shut, upstream: main, routes: { any: { match: "GET /{rest*}" } } }
  mixed:
    path: /mixed
    upstream: main
    websocket: true
    routes: { on: { match: GET /on }, off: { match: GET /off, websocket: false } }
  keyed:
    path: /keyed
    upstream: main
    websocket: true
    policies: [{ auth: { any: [api-key] } }]
    routes:
      any: { match: "GET /{rest*}" }
      few: { match: GET /few, policies: [{ rate-limit: { limit: 1/min, burst: 1, by: consumer } }] }
      one: { match: GET /one, policies: [{ concurrency: { max: 1 } }] }
  based: { path: /based, upstream: based, stripPath: true, preserveHost: true, websocket: true, routes: { any: { match: "GET /{rest*}" } } }
  gone: { path: /gone, upstream: gone, websocket: true, routes: { any: { match: "GET /{rest*}" } } }
  raw: { path: /raw, upstream: raw, websocket: true, routes: { any: { match: "GET /{rest*}" } } }
`;

export async function handshakeSuite(engine: Engine): Promise<void> {
  const upstream = await startSocketUpstream(t);
  // A port that was free a moment ago.
  const gone = await startRawUpstream(t);
  const f = await startFixture(t, engine, (_web, raw) => config(upstream.url, raw, gone.url));
  await gone.close();
  upstream.on('/echo', echoMessages);
  const rig: Rig = {
    f,
    upstream,
    url: `ws://127.0.0.1:${f.gateway.port}`,
    async ask(target, lines = HANDSHAKE, method = 'GET') {
      const client = await f.open();
      client.send(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      return client.answer();
    },
  };
  wellFormed(rig);
  malformed(rig);
  permission(rig);
  policies(rig);
  upstreamHears(rig);
  negotiation(rig);
  refusals(rig);
  unreachable(rig);
  early(rig);
}

function wellFormed({ ask }: Rig): void {
  t.test('a handshake is granted as RFC 6455 says, in whatever case and company its headers come', async (t) => {
    const variants = [
      HANDSHAKE,
      HANDSHAKE.map((line) => line.replace('Upgrade: websocket', 'UPGRADE: WebSocket')),
      HANDSHAKE.map((line) => line.replace('Connection: Upgrade', 'Connection: keep-alive, upgrade')),
      HANDSHAKE.flatMap((line) => (line.startsWith('Connection') ? ['Connection: keep-alive', line] : [line])),
      [
        ...HANDSHAKE,
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
        'Origin: https://a.example',
      ],
    ];
    for (const lines of variants) {
      const answer = await ask('/echo', lines);
      t.match(answer, /^HTTP\/1\.1 101 /, lines.join(' | '));
      // RFC 6455 §1.3: this key's own.
      t.match(answer, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im);
      t.match(answer, /^upgrade: websocket\r$/im);
      t.match(answer, /^connection: upgrade\r$/im);
      t.match(answer, /^x-request-id: \S+\r$/im);
      t.notMatch(answer, /^sec-websocket-(?:extensions|protocol):|^content-length|^transfer-encoding/im);
    }
  });
}

function malformed({ f, upstream, ask }: Rig): void {
  const without = (name: string) => HANDSHAKE.filter((line) => !line.startsWith(name));
  const replaced = (name: string, value: string) => [...without(name), `${name}: ${value}`];
  const key = 'Sec-WebSocket-Key';
  const cases: Record<string, readonly string[]> = {
    'without Connection': without('Connection'),
    'with Connection: keep-alive': replaced('Connection', 'keep-alive'),
    'without a key': without(key),
    'with an empty key': replaced(key, ''),
    'with a key of 15 bytes': replaced(key, 'AAAAAAAAAAAAAAAAAAAA'),
    'with a key of 17 bytes': replaced(key, 'AAAAAAAAAAAAAAAAAAAAAAA='),
    'with a key of 18 bytes': replaced(key, 'AAAAAAAAAAAAAAAAAAAAAAAA'),
    'with a key that is no base64': replaced(key, 'AAAAAAAAAA*AAAAAAAAAAA=='),
    'with a key that has stray bits': replaced(key, 'AAAAAAAAAAAAAAAAAAAAAB=='),
    'with two keys': [...HANDSHAKE, `${key}: ${KEY}`],
    'with a subprotocol twice': [...HANDSHAKE, 'Sec-WebSocket-Protocol: a, b, a'],
    'with a subprotocol that is no token': [...HANDSHAKE, 'Sec-WebSocket-Protocol: a b'],
    'with an empty subprotocol': [...HANDSHAKE, 'Sec-WebSocket-Protocol: a,,b'],
    'with a length': [...HANDSHAKE, 'Content-Length: 5'],
    'with chunks': [...HANDSHAKE, 'Transfer-Encoding: chunked'],
  };
  for (const [what, lines] of Object.entries(cases)) {
    t.test(`a handshake ${what} is answered 400`, async (t) => {
      const before = upstream.seen.length;
      const client = await f.open();
      const body = what === 'with a length' ? 'hello' : what === 'with chunks' ? '0\r\n\r\n' : '';
      client.send(`GET /echo HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
      const answer = await client.answer();
      t.equal(statusOf(answer), 400);
      t.match(answer, '"code":"BAD_HANDSHAKE"');
      t.equal(upstream.seen.length, before);
    });
  }

  t.test('another method than GET is answered 400', async (t) => {
    for (const method of ['POST', 'PUT', 'OPTIONS']) t.match(await ask('/echo', HANDSHAKE, method), '"BAD_HANDSHAKE"');
  });

  t.test('another version than 13 is answered 426, with the one there is', async (t) => {
    for (const lines of [
      without('Sec-WebSocket-Version'),
      ...['8', '12', '013', '13, 8', ''].map((value) => replaced('Sec-WebSocket-Version', value)),
    ]) {
      const answer = await ask('/echo', lines);
      t.equal(statusOf(answer), 426);
      t.match(answer, /^sec-websocket-version: 13\r$/im);
      t.match(answer, '"code":"WEBSOCKET_VERSION"');
    }
  });

  t.test('after a refusal of the guards the next handshake is granted', async (t) => {
    t.equal(statusOf(await ask('/echo')), 101);
  });
}

function permission({ f, upstream, url, ask }: Rig): void {
  t.test(
    'a route that takes no WebSockets answers 403 and says so; its service decides for those that do not',
    async (t) => {
      const before = upstream.seen.length;
      const refusal = await SocketClient.refused(`${url}/shut/x`);
      t.equal(refusal.status, 403);
      t.match(JSON.parse(refusal.text), { code: 'WEBSOCKET_REFUSED', title: 'No WebSocket is served at this address' });
      t.equal((await SocketClient.refused(`${url}/mixed/off`)).status, 403);
      t.equal(upstream.seen.length, before);
      t.equal(statusOf(await ask('/mixed/on')), 101);
    },
  );

  t.test('a route for WebSockets serves plain requests as well, and other upgrades as plain ones', async (t) => {
    t.match(await f.send('/echo'), { status: 200, text: 'plain' });
    const h2c = ['Host: a', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    const answer = await ask('/echo', h2c);
    t.equal(statusOf(answer), 200);
    t.notMatch(answer, /^upgrade:/im);
  });
}

function policies({ upstream, url }: Rig): void {
  const alice = { 'x-api-key': 'alice-secret' };

  t.test('without a key the answer is 401, and the upstream hears nothing', async (t) => {
    const before = upstream.seen.length;
    const refusal = await SocketClient.refused(`${url}/keyed/x`);
    t.equal(refusal.status, 401);
    t.equal(refusal.headers['www-authenticate'], 'ApiKey realm="keyed"');
    t.match(JSON.parse(refusal.text), { code: 'UNAUTHENTICATED' });
    t.equal(upstream.seen.length, before);
  });

  t.test('handshakes count against rate limits, messages do not', async (t) => {
    upstream.on('/keyed/few', echoMessages);
    const client = await SocketClient.open(`${url}/keyed/few`, { headers: alice });
    t.match(client.headers['ratelimit'], /;r=0;/, 'the 101 tells of the limit');
    for (let n = 0; n < 5; n++) {
      client.ws.send(String(n));
      await client.next();
    }
    const refusal = await SocketClient.refused(`${url}/keyed/few`, { headers: alice });
    t.equal(refusal.status, 429);
    t.match(refusal.headers['retry-after'], /^\d+$/);
    client.ws.terminate();
  });

  t.test(
    'a permit of concurrency is held for as long as the WebSocket is open, and given back at its end',
    async (t) => {
      upstream.on('/keyed/one', echoMessages);
      for (const end of ['close', 'terminate'] as const) {
        const client = await openInTheEnd(`${url}/keyed/one`, alice);
        client.ws.send('x');
        await client.next();
        const refusal = await SocketClient.refused(`${url}/keyed/one`, { headers: alice });
        t.match(JSON.parse(refusal.text), { status: 429, code: 'TOO_MANY_IN_FLIGHT' });
        client.ws[end]();
      }
      const last = await openInTheEnd(`${url}/keyed/one`, alice);
      last.ws.terminate();
      t.pass('given back after both');
    },
  );
}

/** Until the gateway has noticed the end of the one before. */
async function openInTheEnd(url: string, headers: Record<string, string>): Promise<SocketClient> {
  for (let tries = 0; tries < 500; tries++) {
    const client = await SocketClient.open(url, { headers }).catch(() => undefined);
    if (client !== undefined) return client;
  }
  throw new Error('the permit was never given back');
}

function upstreamHears({ f, upstream, url, ask }: Rig): void {
  t.test('the upstream gets the headers of an ordinary request, and a handshake of the gateway’s own', async (t) => {
    upstream.on('/keyed/hears', () => {});
    const client = await SocketClient.open(`${url}/keyed/hears?q=1&r=%20`, {
      origin: 'https://app.example',
      headers: {
        'x-api-key': 'alice-secret',
        'x-consumer-id': 'admin',
        'x-forwarded-for': '6.6.6.6',
        'x-request-id': 'mine-1',
        cookie: 'a=1; b=2',
        // What uWebSockets.js takes is UTF-8.
        'x-latin': 'caf\xc3\xa9!',
        'x-private': 'secret',
        te: 'trailers',
      },
    });
    t.equal(client.headers['x-request-id'], 'mine-1');
    const req = upstream.seen.at(-1);
    t.equal(req?.url, '/keyed/hears?q=1&r=%20');
    const { headers } = req ?? { headers: {} };
    t.match(headers, {
      host: `127.0.0.1:${upstream.port}`,
      origin: 'https://app.example',
      'x-consumer-id': 'alice',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': `127.0.0.1:${f.gateway.port}`,
      'x-request-id': 'mine-1',
      cookie: 'a=1; b=2',
      'x-latin': 'caf\xc3\xa9!',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
    });
    for (const name of ['x-api-key', 'te', 'sec-websocket-extensions', 'content-length', 'transfer-encoding']) {
      t.notOk(name in headers, name);
    }
    client.ws.terminate();
    for (const name of [
      'upgrade',
      'connection',
      'host',
      'sec-websocket-key',
      'sec-websocket-version',
      'x-request-id',
    ]) {
      t.equal(req?.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === name).length, 1, name);
    }
    const twice = ['X-Many: 1', 'X-Many: 2', 'X-Api-Key: alice-secret'];
    t.equal(statusOf(await ask('/keyed/hears', [...HANDSHAKE, ...twice])), 101);
    t.equal(upstream.seen.at(-1)?.headers['x-many'], '1, 2');
    t.not(upstream.seen.at(-1)?.headers['sec-websocket-key'], KEY, 'a key of its own');
  });

  t.test('stripPath, preserveHost and the target’s base hold, and the path arrives as it was matched', async (t) => {
    await ask('/based/a"<b>|{c}^`/%7e%2e?x={"y"}');
    const req = upstream.seen.at(-1);
    t.equal(req?.url, '/base/a"<b>|{c}^`/~.?x={"y"}');
    t.equal(req?.headers.host, 'gateway.example');
  });

  t.test('headers of the upstream’s 101 reach the client, its own handshake’s do not', async (t) => {
    f.raw.on('/raw/headers', (socket, head) =>
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Private\r\nX-Private: 1\r\n` +
          `Sec-WebSocket-Accept: ${acceptFor(head)}\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\n` +
          `X-Request-Id: theirs\r\nDate: never\r\nContent-Length: 0\r\n\r\n`,
        'latin1',
      ),
    );
    const answer = await ask('/raw/headers');
    t.equal(statusOf(answer), 101);
    t.match(answer, /^set-cookie: a=1\r\nset-cookie: b=2\r$/im);
    t.match(answer, /^x-latin: caf\xe9\r$/im);
    t.equal(answer.match(/^sec-websocket-accept:/gim)?.length, 1);
    t.match(answer, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    t.notMatch(answer, /x-private|theirs|never|content-length/i);
  });
}

function negotiation({ upstream, url }: Rig): void {
  t.test('the subprotocol is the upstream’s choice of those that the client offers', async (t) => {
    const protocols = ['one', 'two', 'three'];
    for (const choice of ['two', 'one']) {
      upstream.on('/protocol', echoMessages, choice);
      const client = await SocketClient.open(`${url}/protocol`, { protocols });
      t.equal(client.ws.protocol, choice);
      t.equal(upstream.seen.at(-1)?.headers['sec-websocket-protocol'], 'one, two, three');
      client.ws.terminate();
    }
  });

  t.test('an upstream that chooses none gives none; one that chooses another than was offered gives 502', async (t) => {
    upstream.on('/no-protocol', echoMessages);
    const refused = SocketClient.open(`${url}/no-protocol`, { protocols: ['one'] });
    await t.rejects(refused, { message: 'Server sent no subprotocol' }, 'this client insists; others do not');
    upstream.on('/odd-protocol', echoMessages, 'other');
    t.equal((await SocketClient.refused(`${url}/odd-protocol`, { protocols: ['one'] })).status, 502);
  });

  t.test('compression is declined on both sides', async (t) => {
    const client = await SocketClient.open(`${url}/echo`, { perMessageDeflate: true });
    t.equal(client.ws.extensions, '');
    t.notOk('sec-websocket-extensions' in (upstream.seen.at(-1)?.headers ?? {}));
    client.ws.send('plain all the same');
    t.equal((await client.next()).text, 'plain all the same');
    client.ws.terminate();
  });
}

function refusals({ f, upstream, url }: Rig): void {
  const answerWith = (path: string, text: string): void =>
    upstream.refuse(path, (socket) => socket.end(text.replaceAll('\n', '\r\n'), 'latin1'));

  t.test('an upstream’s refusal is passed on with status, headers and body', async (t) => {
    const seen: Refusal[] = [];
    answerWith('/no/known', 'HTTP/1.1 403 Forbidden\nContent-Length: 4\nX-Why: you\nContent-Type: text/plain\n\nnope');
    answerWith('/no/chunked', 'HTTP/1.1 503 Busy\nTransfer-Encoding: chunked\nRetry-After: 7\n\n4\nnope\n0\n\n');
    answerWith('/no/closed', 'HTTP/1.1 401 Unauthorized\nConnection: close\nWWW-Authenticate: Basic\n\nnope');
    answerWith('/no/redirect', 'HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 4\n\nnope');
    answerWith('/no/early', 'HTTP/1.1 103 Early Hints\nLink: </x>\n\nHTTP/1.1 200 OK\nContent-Length: 4\n\nnope');
    for (const path of ['known', 'chunked', 'closed', 'redirect', 'early']) {
      seen.push(await SocketClient.refused(`${url}/no/${path}`));
    }
    t.same(
      seen.map(({ status, text }) => [status, text]),
      [403, 503, 401, 302, 200].map((status) => [status, 'nope']),
    );
    t.match(seen[0]?.headers, { 'x-why': 'you', 'content-type': 'text/plain', 'x-request-id': /\S/ });
    t.equal(seen[1]?.headers['retry-after'], '7');
    t.equal(seen[2]?.headers['www-authenticate'], 'Basic');
    t.equal(seen[3]?.headers['location'], 'http://127.0.0.1:1/');
  });

  t.test('one without a body as well', async (t) => {
    answerWith('/no/204', 'HTTP/1.1 204 No Content\n\n');
    answerWith('/no/empty', 'HTTP/1.1 429 Slow\nContent-Length: 0\n\n');
    t.match(await SocketClient.refused(`${url}/no/204`), { status: 204, text: '' });
    t.match(await SocketClient.refused(`${url}/no/empty`), { status: 429, text: '' });
  });

  t.test('a refusal’s body of 64 KiB is whole, and a longer one is cut', async (t) => {
    const large = 'x'.repeat(64 * KIB);
    answerWith('/no/large', `HTTP/1.1 403 No\nContent-Length: ${large.length}\n\n${large}`);
    const whole = await SocketClient.refused(`${url}/no/large`);
    t.ok(whole.text === large);
    for (const head of [`Content-Length: ${4 * large.length}\n`, '']) {
      answerWith('/no/larger', `HTTP/1.1 403 No\n${head}\n${large.repeat(4)}`);
      const part = await SocketClient.refused(`${url}/no/larger`).catch(() => undefined);
      t.equal(part?.text ?? 'cut', 'cut', head);
    }
  });

  t.test('a refusal that breaks off is cut', async (t) => {
    answerWith('/no/short', 'HTTP/1.1 403 No\nContent-Length: 100\n\npart');
    const part = await SocketClient.refused(`${url}/no/short`).catch(() => undefined);
    t.equal(part?.text ?? 'cut', 'cut');
  });

  t.test('after a refusal the connection is closed', async (t) => {
    const client = await f.open();
    client.send(`GET /no/known HTTP/1.1\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`);
    t.match(await client.waitForClose(), /^HTTP\/1\.1 403 [\s\S]*connection: close\r\n[\s\S]*nope$/i);
  });
}

function unreachable({ f, url }: Rig): void {
  const codeOf = async (path: string) => {
    const { status, text } = await SocketClient.refused(url + path);
    return [status, (JSON.parse(text) as { code: string }).code];
  };

  t.test('an upstream that cannot be reached gives 502', async (t) => {
    t.same(await codeOf('/gone/x'), [502, 'UPSTREAM_UNREACHABLE']);
  });

  t.test('an upstream that does not answer in time gives 504', async (t) => {
    f.raw.on('/raw/silent', () => {});
    t.same(await codeOf('/raw/silent'), [504, 'UPSTREAM_TIMEOUT']);
    f.raw.on('/raw/halfway', (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgr'));
    t.same(await codeOf('/raw/halfway'), [504, 'UPSTREAM_TIMEOUT']);
  });

  t.test('a connection that does not come about in time gives 504', async (t) => {
    const full = await startFullListener(t);
    const own = await startFixture(
      t,
      f.engine,
      () =>
        `upstreams: { main: { targets: ["http://127.0.0.1:${full}"], timeouts: { connect: 100ms } } }\n` +
        'services: { all: { upstream: main, websocket: true, routes: { any: { match: GET /x } } } }',
    );
    t.equal((await SocketClient.refused(`ws://127.0.0.1:${own.gateway.port}/x`)).status, 504);
  });

  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
  const garbage: Record<string, (head: string) => string> = {
    'closes before its answer': () => '',
    'breaks off in its answer': () => 'HTTP/1.1 101 Swi',
    'says no HTTP': () => 'SSH-2.0-OpenSSH\r\n\r\n',
    'grants another upgrade': (head) =>
      `HTTP/1.1 101 Ok\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(head)}\r\n\r\n`,
    'grants without Sec-WebSocket-Accept': () => `HTTP/1.1 101 Ok\r\n${upgrade}\r\n`,
    'grants with a wrong Sec-WebSocket-Accept': () =>
      `HTTP/1.1 101 Ok\r\n${upgrade}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`,
    'grants an extension that nobody asked for': (head) =>
      `HTTP/1.1 101 Ok\r\n${upgrade}Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: ${acceptFor(head)}\r\n\r\n`,
  };
  for (const [what, answer] of Object.entries(garbage)) {
    t.test(`an upstream that ${what} gives 502`, async (t) => {
      f.raw.on('/raw/garbage', (socket, head) => socket.end(answer(head)));
      t.same(await codeOf('/raw/garbage'), [502, 'BAD_GATEWAY']);
    });
  }

  t.test('a client that leaves while the upstream is asked takes its request along', async (t) => {
    const asked = signal();
    const closed = signal();
    f.raw.on('/raw/left', (socket) => {
      socket.once('close', closed.resolve);
      asked.resolve();
    });
    const client = await f.open();
    client.send(`GET /raw/left HTTP/1.1\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`);
    await asked.promise;
    client.close();
    await closed.promise;
    t.pass('its connection is closed');
  });
}

function early({ f }: Rig): void {
  const frame = Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('early')]);
  const smuggled = Buffer.from('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n');

  t.test('a client that speaks before it has its 101 is cut, and none of it reaches the upstream', async (t) => {
    for (const bytes of [frame, smuggled]) {
      for (const isBehind of [true, false]) {
        const asked = signal();
        const heard = signal<string>();
        f.raw.on('/raw/early', (socket, head) => {
          let rest = '';
          socket.on('data', (chunk: Buffer) => {
            rest += chunk.toString('latin1');
          });
          socket.once('close', () => heard.resolve(head + rest));
          asked.resolve();
        });
        const before = f.raw.paths.length;
        const client = await RawClient.open(f.gateway.port);
        const handshake = Buffer.from(`GET /raw/early HTTP/1.1\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`);
        if (isBehind) {
          client.send(Buffer.concat([handshake, bytes]));
        } else {
          client.send(handshake);
          await asked.promise;
          client.send(bytes);
        }
        t.notMatch(await client.waitForClose(), /HTTP\/1\.1 (?:101|200)/);
        if (!isBehind) t.match(await heard.promise, /^GET \/raw\/early [\s\S]*\r\n\r\n$/);
        t.notOk(f.raw.paths.slice(before).includes('/smuggled'));
      }
    }
  });
}

function acceptFor(head: string): string {
  return acceptOf(/^sec-websocket-key: (\S+)/im.exec(head)?.[1] ?? '');
}
