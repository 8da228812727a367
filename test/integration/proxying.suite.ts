// What goes through: methods, targets, hosts, and answers of every shape.

import t from 'tap';
import { type Engine, type Fixture, startFixture, type Test, tell, until, type WebHandler } from './fixture.ts';

const config = (web: string, raw: string) => `
upstreams:
  web: { targets: ["${web}"] }
  raw: { targets: ["${raw}"] }
  based: { targets: ["${web}/base/v2/"] }
services:
  any:
    upstream: web
    routes: { any: { match: "ANY /{rest*}" }, root: { match: "ANY /" } }
  raw:
    path: /raw
    upstream: raw
    routes: { any: { match: "ANY /{rest*}" } }
  stripped:
    path: /shop/v1
    stripPath: true
    upstream: web
    routes: { any: { match: "ANY /{rest*}" }, bare: { match: "ANY /" } }
  based:
    path: /based
    stripPath: true
    upstream: based
    routes: { any: { match: "ANY /{rest*}" }, bare: { match: "GET /" } }
  preserved:
    path: /preserved
    preserveHost: true
    upstream: web
    routes: { any: { match: "ANY /{rest*}" } }
  hosted:
    hosts: [shop.example]
    path: /hosted
    upstream: based
    stripPath: true
    routes: { any: { match: "GET /{rest*}" } }
  subdomains:
    hosts: ["*.shop.example"]
    path: /hosted
    stripPath: true
    upstream: web
    routes: { any: { match: "GET /{rest*}" } }
`;

export async function proxyingSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config);
  targets(f);
  hosts(f);
  answers(f);
  withoutBody(f);
}

function targets(f: Fixture): void {
  t.test('every method goes upstream with its body', async (t) => {
    f.web.on('/thing', tell);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'SEARCH', 'LOCK']) {
      const { json } = await f.send('/thing', { method });
      t.match(json, { method, url: '/thing', body: '' });
      const withBody = await f.send('/thing', {
        method,
        body: `of ${method}`,
        headers: { 'content-length': `${3 + method.length}` },
      });
      t.match(withBody.json, { method, body: `of ${method}`, headers: { 'content-length': `${3 + method.length}` } });
      t.notOk(withBody.json.headers['transfer-encoding'], 'the length is told, not the chunks');
    }
  });

  t.test('a request without a body has no framing headers upstream, an empty POST a length of 0', async (t) => {
    f.web.on('/empty', tell);
    const { headers } = (await f.send('/empty')).json;
    t.notOk('content-length' in headers || 'transfer-encoding' in headers);
    t.equal((await f.send('/empty', { method: 'POST' })).json.headers['content-length'], '0');
  });

  t.test('path and query go upstream as they came', async (t) => {
    for (const path of ['/', '/a', '/a/', '/a%20b/%C3%A9', '/a+b@c:d,e=f', '/caf%C3%A9!$&()*~']) {
      f.web.on(path, tell);
      const query = `?x=1&y=%2f&&z=+%20&[a]="b|c"&e=%C3%A9&/../?#`.replace('#', '');
      t.equal((await f.send(path)).json.url, path);
      t.equal((await f.send(path + query)).json.url, path + query);
    }
  });

  t.test('a path goes upstream in the normal form in which it was matched', async (t) => {
    f.web.on('/a/b', tell);
    for (const path of ['/a/b', '//a///b', '/a/./b', '/x/../a/b', '/%61/%62', '/a/x/%2e%2e/b']) {
      const client = await f.open();
      client.send(`GET ${path}?q=/../ HTTP/1.1\r\nhost: a\r\n\r\n`);
      t.match(await client.answer(), '"url":"/a/b?q=/../"', path);
    }
  });

  t.test('stripPath drops the path of the service', async (t) => {
    f.web.on('/orders/7', tell);
    f.web.on('/', tell);
    t.equal((await f.send('/shop/v1/orders/7?a=b')).json.url, '/orders/7?a=b');
    t.equal((await f.send('/shop/v1/?a=b')).json.url, '/?a=b');
  });

  t.test("a target's path is put in front", async (t) => {
    f.web.on('/base/v2/x', tell);
    f.web.on('/base/v2/', tell);
    t.equal((await f.send('/based/x?y')).json.url, '/base/v2/x?y');
    t.equal((await f.send('/based/')).json.url, '/base/v2/');
  });
}

function hosts(f: Fixture): void {
  t.test("the Host upstream is the target's, or the client's with preserveHost", async (t) => {
    f.web.on('/host', tell);
    f.web.on('/preserved/host', tell);
    const headers = { host: 'Shop.Example:8080' };
    t.equal((await f.send('/host', { headers })).json.headers.host, `127.0.0.1:${f.web.port}`);
    t.equal((await f.send('/preserved/host', { headers })).json.headers.host, 'Shop.Example:8080');
  });

  t.test('a service with hosts answers for these only', async (t) => {
    f.web.on('/base/v2/x', tell);
    f.web.on('/x', tell);
    f.web.on('/hosted/x', tell);
    const urlFor = async (host: string) => (await f.send('/hosted/x', { headers: { host } })).json.url;
    t.equal(await urlFor('shop.example'), '/base/v2/x');
    t.equal(await urlFor('SHOP.example:80'), '/base/v2/x');
    t.equal(await urlFor('eu.shop.example'), '/x');
    t.equal(await urlFor('example'), '/hosted/x', 'goes to the service without hosts');
  });
}

const inChunks: WebHandler = (_req, res) => {
  res.write('one ');
  res.end('two');
};

function answers(f: Fixture): void {
  t.test('an answer of known length keeps its length', async (t) => {
    f.web.on('/known', (_req, res) => res.writeHead(201, { 'content-length': 5, 'x-own': 'kept' }).end('hello'));
    const answer = await f.send('/known');
    t.match(answer, { status: 201, text: 'hello', headers: { 'content-length': '5', 'x-own': 'kept' } });
    t.notOk(answer.headers['transfer-encoding']);
  });

  t.test('an empty answer of known length ends at once', async (t) => {
    f.web.on('/none', (_req, res) => res.writeHead(200, { 'content-length': 0 }).end());
    t.match(await f.send('/none'), { status: 200, text: '', headers: { 'content-length': '0' } });
  });

  t.test('an answer in chunks is passed on in chunks', async (t) => {
    f.web.on('/chunks', inChunks);
    t.match(await f.send('/chunks'), { status: 200, text: 'one two', headers: { 'transfer-encoding': 'chunked' } });
    f.web.on('/chunks', (_req, res) => res.writeHead(200, { 'transfer-encoding': 'chunked' }).end());
    t.match(await f.send('/chunks'), { status: 200, text: '', isCut: false });
  });

  t.test('an answer that ends with its connection is passed on whole', async (t) => {
    f.raw.on('/raw/close', (socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end'));
    t.match(await f.send('/raw/close'), { status: 200, text: 'until the end', isCut: false });
    f.raw.on('/raw/close', (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'));
    t.match(await f.send('/raw/close'), { status: 200, text: 'until the end', isCut: false });
  });

  t.test('any final status is passed on', async (t) => {
    for (const status of [200, 202, 206, 301, 302, 400, 401, 404, 418, 429, 500, 502, 503, 599]) {
      f.web.on('/status', (_req, res) => res.writeHead(status, { 'content-length': 2 }).end('ok'));
      t.match(await f.send('/status'), { status, text: 'ok' });
    }
  });

  t.test('one connection carries many requests', async (t) => {
    f.web.on('/known', (_req, res) => res.writeHead(200, { 'content-length': 5 }).end('hello'));
    f.web.on('/chunks', inChunks);
    const client = await f.open();
    for (let n = 0; n < 5; n++) {
      const before = client.received.length;
      client.send('GET /known HTTP/1.1\r\nhost: a\r\n\r\n');
      await until(client, () => client.received.slice(before).endsWith('hello'));
      client.send('GET /chunks HTTP/1.1\r\nhost: a\r\n\r\n');
      await until(client, () => client.received.slice(before).endsWith('\r\n0\r\n\r\n'));
    }
    t.equal(client.received.match(/HTTP\/1\.1 200 OK\r\n/g)?.length, 10);
    t.notMatch(client.received, /connection: close/i);
  });

  t.test('a client that says Connection: close gets the answer, then the end', async (t) => {
    f.web.on('/known', (_req, res) => res.writeHead(200, { 'content-length': 5 }).end('hello'));
    f.web.on('/chunks', inChunks);
    for (const path of ['/known', '/chunks', '/nowhere']) {
      const client = await f.open();
      client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
      t.match(await client.waitForClose(), /hello$|\r\n0\r\n\r\n$|content-length: 0[\s\S]*\r\n\r\n$/i);
    }
  });
}

function withoutBody(f: Fixture): void {
  const PING = 'GET /ping HTTP/1.1\r\nhost: a\r\n\r\n';

  /** The head of the answer, after which the connection must serve a next request. */
  async function headOf(t: Test, request: string): Promise<string> {
    f.web.on('/ping', (_req, res) => res.writeHead(200, { 'content-length': 4 }).end('pong'));
    const client = await f.open();
    client.send(request);
    await client.waitFor('\r\n\r\n');
    client.send(PING);
    await client.waitFor('pong');
    const [head, next] = client.received.split('\r\n\r\n') as [string, string];
    t.match(next, /^HTTP\/1\.1 200/, 'nothing stands between two answers');
    t.ok((head.match(/^content-length:/gim)?.length ?? 0) <= 1, 'at most one Content-Length');
    t.notMatch(head, /transfer-encoding/i);
    return head;
  }

  t.test('HEAD gets the length that GET would, and no body', async (t) => {
    f.web.on('/head', (_req, res) => res.writeHead(200, { 'content-length': 1234, etag: '"1"' }).end());
    const head = await headOf(t, 'HEAD /head HTTP/1.1\r\nhost: a\r\n\r\n');
    t.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    t.match(head, /^content-length: 1234$/im);
    t.match(head, /^etag: "1"$/im);
  });

  t.test('HEAD of an answer of unknown length has none', async (t) => {
    f.raw.on('/raw/head', (socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n'));
    const client = await f.open();
    client.send('HEAD /raw/head HTTP/1.1\r\nhost: a\r\n\r\n');
    const head = await client.waitFor('\r\n\r\n');
    t.match(head, /^x-a: b\r?$/im);
    t.notMatch(head, /content-length/i);
    t.ok(head.endsWith('\r\n\r\n'));
  });

  t.test('204 and 304 have no body, whatever the upstream says of their length', async (t) => {
    f.web.on('/204', (_req, res) => res.writeHead(204, { 'x-a': 'b' }).end());
    const head204 = await headOf(t, 'DELETE /204 HTTP/1.1\r\nhost: a\r\n\r\n');
    t.match(head204, /^HTTP\/1\.1 204 No Content\r\n/);
    t.notMatch(head204, /content-length/i);
    f.web.on('/304', (_req, res) => res.writeHead(304, { etag: '"x"' }).end());
    t.match(
      await headOf(t, 'GET /304 HTTP/1.1\r\nhost: a\r\n\r\n'),
      /^HTTP\/1\.1 304 Not Modified\r\n[\s\S]*etag: "x"/i,
    );
    f.web.on('/304', (_req, res) => res.writeHead(304).end());
    t.match(await headOf(t, 'GET /304 HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1\.1 304 Not Modified\r\n/);
    f.raw.on('/raw/304', (socket) => socket.write('HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n'));
    t.match(await headOf(t, 'GET /raw/304 HTTP/1.1\r\nhost: a\r\n\r\n'), /^content-length: 99\r?$/im);
    f.raw.on('/raw/204', (socket) => socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n'));
    t.notMatch(await headOf(t, 'GET /raw/204 HTTP/1.1\r\nhost: a\r\n\r\n'), /content-length/i);
  });

  t.test('answers without a body to a client that closes are whole, too', async (t) => {
    f.web.on('/head', (_req, res) => res.writeHead(200, { 'content-length': 1234 }).end());
    f.web.on('/204', (_req, res) => res.writeHead(204).end());
    for (const line of ['HEAD /head', 'GET /204', 'HEAD /nowhere']) {
      const client = await f.open();
      client.send(`${line} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n`);
      const received = await client.waitForClose();
      t.match(received, /^HTTP\/1\.1 (?:200|204|404)[\s\S]*\r\n\r\n$/, line);
      t.ok((received.match(/^content-length:/gim)?.length ?? 0) <= 1, line);
      t.ok((received.match(/^connection:/gim)?.length ?? 0) <= 1, line);
    }
  });
}
