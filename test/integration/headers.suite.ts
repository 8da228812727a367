// Headers, both ways: what passes byte for byte, what never passes, and what the gateway adds.

import t from 'tap';
import { type Engine, type Fixture, readAnswer, response, start, startFixture, tell, until } from './fixture.ts';

const config = (web: string, raw: string) => `
upstreams:
  web: { targets: ["${web}"] }
  raw: { targets: ["${raw}"] }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }] }
services:
  any:
    upstream: web
    routes: { any: { match: "ANY /{rest*}" } }
  raw:
    path: /raw
    upstream: raw
    routes: { any: { match: "ANY /{rest*}" } }
  keyed:
    path: /keyed
    upstream: web
    policies: [{ auth: { any: [api-key, { api-key: { header: X-Other-Key } }] } }]
    routes: { any: { match: "ANY /{rest*}" } }
`;

export async function headersSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config);
  const behindProxy = await startFixture(t, engine, config, '  trustedProxies: ["127.0.0.1", "10.0.0.0/8"]');
  values(f);
  hopByHop(f);
  clientAddress(f, behindProxy);
  requestIds(f);
  credentials(f);
  expectations(f);
}

/** What the upstream's request looked like: the head, latin1. */
async function forwarded(f: Fixture, path: string, lines: string): Promise<string> {
  let head = '';
  f.raw.on(path, (socket, received) => {
    head = received;
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const client = await f.open();
  client.send(`GET ${path} HTTP/1.1\r\nhost: a.example:81\r\n${lines}\r\n`);
  await client.waitFor('ok');
  client.close();
  return head;
}

function values(f: Fixture): void {
  t.test('values in UTF-8 reach the upstream byte for byte', async (t) => {
    // uWebSockets.js takes bytes from 0x80 on at either end of a value for white space, and drops them.
    const utf8 = Buffer.from(f.engine === 'uws' ? '"é ü € 日本 🙂"' : 'é ü € 日本 🙂').toString('latin1');
    t.ok((await forwarded(f, '/raw/utf8', `x-name: ${utf8}\r\n`)).includes(`\r\nx-name: ${utf8}\r\n`));
  });

  if (f.engine === 'node') {
    t.test('values in latin1 reach the upstream byte for byte', async (t) => {
      const latin1 = Array.from({ length: 96 }, (_, i) => String.fromCharCode(0xa0 + i)).join('');
      t.ok((await forwarded(f, '/raw/latin1', `x-name: ${latin1}\r\n`)).includes(`\r\nx-name: ${latin1}\r\n`));
    });
  } else {
    t.test('values that are no UTF-8, which the parser would garble, are refused', async (t) => {
      const client = await f.open();
      client.send('GET /raw/latin1 HTTP/1.1\r\nhost: a\r\nx-name: caf\xe9 noir\r\n\r\n');
      t.match(await client.answer(), /^HTTP\/1\.1 400 [\s\S]*"code":"BAD_REQUEST"/);
    });
  }

  t.test('values of answers reach the client byte for byte', async (t) => {
    const latin1 = Array.from({ length: 96 }, (_, i) => String.fromCharCode(0xa0 + i)).join('');
    const utf8 = Buffer.from('é 日本 🙂').toString('latin1');
    for (const framing of ['content-length: 2\r\n\r\nok', 'transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n']) {
      f.raw.on('/raw/values', (socket) =>
        socket.write(
          `HTTP/1.1 200 OK\r\nx-a: b${latin1}c\r\nX-B: ${utf8}\r\nx-tab: a\tb\r\nx-empty:\r\n${framing}`,
          'latin1',
        ),
      );
      const client = await f.open();
      client.send('GET /raw/values HTTP/1.1\r\nhost: a\r\n\r\n');
      const answer = await client.waitFor('ok');
      t.ok(answer.includes(`\r\nx-a: b${latin1}c\r\n`));
      t.ok(answer.includes(`\r\nX-B: ${utf8}\r\n`));
      t.ok(answer.includes('\r\nx-tab: a\tb\r\n'));
      t.match(answer, /\r\nx-empty: ?\r\n/);
    }
  });

  t.test('repeated headers stay apart, in order', async (t) => {
    const cookies = ['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'c="3"'];
    f.web.on('/cookies', (_req, res) =>
      res.writeHead(200, { 'set-cookie': cookies, link: ['<a>', '<b>'], 'content-length': 0 }).end(),
    );
    const { headers, rawHeaders } = await f.send('/cookies');
    t.same(headers['set-cookie'], cookies);
    t.equal(rawHeaders.filter((name) => name.toLowerCase() === 'link').length, 2);
    const head = await forwarded(f, '/raw/twice', 'x-a: 1\r\ncookie: a=1\r\nx-a: 2\r\ncookie: b=2\r\n');
    t.match(head, /\r\nx-a: 1\r\ncookie: a=1\r\nx-a: 2\r\ncookie: b=2\r\n/);
  });

  t.test("the answer has one Date, and the upstream's framing is not repeated", async (t) => {
    f.web.on('/date', (_req, res) =>
      res.writeHead(200, { date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'content-length': 2 }).end('ok'),
    );
    const { rawHeaders } = await f.send('/date');
    for (const name of ['date', 'content-length', 'x-request-id']) {
      t.equal(rawHeaders.filter((raw) => raw.toLowerCase() === name).length, 1, name);
    }
  });

  t.test('trailers of an answer are dropped, and the answer ends well', async (t) => {
    f.web.on('/trailers', (_req, res) => {
      res.writeHead(200, { trailer: 'x-checksum' });
      res.write('body');
      res.addTrailers({ 'x-checksum': 'abc' });
      res.end();
    });
    const client = await f.open();
    client.send('GET /trailers HTTP/1.1\r\nhost: a\r\n\r\n');
    await client.waitFor('0\r\n\r\n');
    t.notMatch(client.received, /x-checksum/i);
    client.send('GET /date HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(client, () => client.received.endsWith('\r\n\r\nok'));
    t.match(client.received, /\r\n4\r\nbody\r\n0\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });
}

function hopByHop(f: Fixture): void {
  t.test('what is for one connection only does not go upstream, and what Connection names neither', async (t) => {
    const head = await forwarded(
      f,
      '/raw/hop',
      'connection: keep-alive, X-Private , te\r\nconnection: x-also\r\nx-private: 1\r\nx-also: 1\r\nkeep-alive: timeout=9\r\nte: trailers\r\n' +
        'proxy-connection: keep-alive\r\nproxy-authorization: Basic eA==\r\ntrailer: x\r\nupgrade: h2c\r\n' +
        'http2-settings: AAA\r\nx-kept: 1\r\nauthorization: Bearer x\r\n',
    );
    t.notMatch(head, /x-private|x-also|keep-alive: timeout|^te:|proxy-|trailer|upgrade|http2-settings/im);
    t.match(head, /\r\nx-kept: 1\r\nauthorization: Bearer x\r\n/);
    t.notMatch(head, /^connection:/im, 'persistent connections need no word in HTTP/1.1');
  });

  t.test('Connection cannot name away what the gateway itself says', async (t) => {
    const head = await forwarded(
      f,
      '/raw/named',
      'connection: host, x-forwarded-for, x-forwarded-host, x-request-id\r\n',
    );
    t.match(head, `\r\nhost: 127.0.0.1:${f.raw.port}\r\n`);
    t.match(head, '\r\nx-forwarded-for: 127.0.0.1\r\n');
    t.match(head, '\r\nx-forwarded-host: a.example:81\r\n');
    t.match(head, /\r\nx-request-id: \S+\r\n/);
  });

  t.test('what is for one connection only does not reach the client', async (t) => {
    f.raw.on('/raw/answer', (socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nConnection: X-Private\r\nconnection: Keep-Alive, x-also\r\nX-Private: 1\r\nx-also: 1\r\nKeep-Alive: timeout=99\r\n' +
          'proxy-authenticate: Basic\r\ntrailer: x-t\r\nupgrade: h2c\r\nx-kept: 1\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
    const { headers, text } = await f.send('/raw/answer');
    t.equal(text, 'ok');
    t.equal(headers['x-kept'], '1');
    for (const name of ['x-private', 'x-also', 'proxy-authenticate', 'trailer', 'upgrade'])
      t.notOk(name in headers, name);
    t.not(headers['keep-alive'], 'timeout=99');
  });
}

function clientAddress(f: Fixture, behindProxy: Fixture): void {
  const spoofed =
    'x-forwarded-for: 6.6.6.6\r\nx-forwarded-proto: https\r\nx-forwarded-host: evil\r\nforwarded: for=6.6.6.6\r\n' +
    'x-real-ip: 6.6.6.6\r\nx-consumer-id: admin\r\n';

  t.test('the upstream learns whom the gateway serves', async (t) => {
    const head = await forwarded(f, '/raw/for', '');
    t.match(head, '\r\nx-forwarded-for: 127.0.0.1\r\n');
    t.match(head, '\r\nx-forwarded-proto: http\r\n');
    t.match(head, '\r\nx-forwarded-host: a.example:81\r\n');
  });

  t.test('claims of a client that is no trusted proxy are dropped', async (t) => {
    const head = await forwarded(f, '/raw/spoofed', spoofed);
    t.notMatch(head, /6\.6\.6\.6|evil|admin|https|^forwarded:|^x-real-ip:|^x-consumer-id:/im);
    t.equal(head.match(/^x-forwarded-for: 127\.0\.0\.1\r$/gim)?.length, 1);
  });

  t.test(
    'claims of a trusted proxy are passed on, with the proxy itself; who the consumer is they cannot say',
    async (t) => {
      const head = await forwarded(behindProxy, '/raw/trusted', `${spoofed}x-forwarded-for: 10.1.2.3\r\n`);
      t.match(head, '\r\nx-forwarded-for: 6.6.6.6, 10.1.2.3, 127.0.0.1\r\n');
      t.match(head, '\r\nx-forwarded-proto: https\r\n');
      t.match(head, '\r\nx-forwarded-host: evil\r\n');
      t.match(head, '\r\nforwarded: for=6.6.6.6\r\n');
      t.match(head, '\r\nx-real-ip: 6.6.6.6\r\n');
      t.notMatch(head, /x-consumer-id/i);
      for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']) {
        t.equal(head.match(new RegExp(`^${name}:`, 'gim'))?.length, 1, name);
      }
    },
  );
}

function requestIds(f: Fixture): void {
  t.test('a sane X-Request-Id is kept, upstream and in the answer', async (t) => {
    for (const id of ['abc-123', 'A'.repeat(128), '0af7651916cd43dd:8448eb211c80319c', 'a/b+c=@d.e_f']) {
      f.web.on('/id', tell);
      const { headers, json } = await f.send('/id', { headers: { 'x-request-id': id } });
      t.equal(headers['x-request-id'], id);
      t.equal(json.headers['x-request-id'], id);
    }
  });

  t.test('one that is not sane is replaced by a new one', async (t) => {
    f.web.on('/id', tell);
    const ids = new Set<unknown>();
    for (const id of ['', 'a b', 'A'.repeat(129), '<script>', 'a"b', 'x,y']) {
      const { headers, json } = await f.send('/id', { headers: { 'x-request-id': id } });
      t.match(headers['x-request-id'], /^[A-Za-z0-9_.-]{8,40}$/);
      t.equal(json.headers['x-request-id'], headers['x-request-id'], 'the same upstream');
      ids.add(headers['x-request-id']);
    }
    t.equal(ids.size, 6, 'each its own');
  });

  t.test("the upstream's own does not reach the client", async (t) => {
    f.web.on('/id', (_req, res) => res.writeHead(200, { 'x-request-id': 'upstream', 'content-length': 0 }).end());
    t.equal((await f.send('/id', { headers: { 'x-request-id': 'mine' } })).headers['x-request-id'], 'mine');
  });

  t.test('every problem carries it, in the header and in the body', async (t) => {
    for (const path of ['/keyed/x', '/raw/gone', '/%zz', '/a/..%2f']) {
      f.raw.on('/raw/gone', (socket) => socket.destroy());
      const { headers, json } = await f.send(path, { headers: { 'x-request-id': 'mine' } });
      t.equal(headers['x-request-id'], 'mine', path);
      t.equal(json.requestId, 'mine', path);
      t.equal(headers['content-type'], 'application/problem+json', path);
    }
  });
}

function credentials(f: Fixture): void {
  t.test('the header that carried the key does not go upstream, and the consumer does', async (t) => {
    f.web.on('/keyed/x', tell);
    const headers = { 'x-api-key': 'alice-secret', 'x-other-key': 'something', 'x-consumer-id': 'bob' };
    const seen = (await f.send('/keyed/x', { headers })).json.headers;
    t.equal(seen['x-consumer-id'], 'alice');
    t.notOk('x-api-key' in seen || 'x-other-key' in seen);
  });

  t.test('a route without that policy leaves the header alone', async (t) => {
    f.web.on('/open', tell);
    t.match((await f.send('/open', { headers: { 'x-api-key': 'theirs' } })).json.headers, { 'x-api-key': 'theirs' });
  });
}

function expectations(f: Fixture): void {
  t.test('a client that expects 100 gets it before it sends, and the upstream sees no Expect', async (t) => {
    f.web.on('/expect', tell);
    const req = start(f, '/expect', { method: 'POST', headers: { expect: '100-continue', 'content-length': 4 } });
    req.flushHeaders();
    await new Promise<void>((resolve) => {
      req.once('continue', resolve);
    });
    const answer = response(req).then(readAnswer);
    req.end('body');
    const { json, status } = await answer;
    t.equal(status, 200);
    t.equal(json.body, 'body');
    t.notOk('expect' in json.headers);
  });

  t.test('any other expectation is answered 417', async (t) => {
    const client = await f.open();
    client.send('POST /expect HTTP/1.1\r\nhost: a\r\nexpect: a-miracle\r\ncontent-length: 2\r\n\r\nok');
    t.match(await client.answer(), /^HTTP\/1\.1 417 [\s\S]*"code":"EXPECTATION_FAILED"/);
  });
}
