// Who is calling, where that is found out off the request thread: passwords, and an authoriser outside.

import t from 'tap';
import { hashPassword } from '../../src/base/password-hash.ts';
import { type Engine, type Fixture, startFixture, tell } from './fixture.ts';

const hash = hashPassword('open: sesame', { ln: 14, r: 8, p: 1 });

const config = (web: string) => `
upstreams:
  web: { targets: ["${web}"] }
consumers:
  alice: { passwords: [{ username: alice, hash: "${hash}" }], keys: [{ id: alice-1, secret: alice-secret }] }
services:
  basic:
    path: /basic
    upstream: web
    policies: [{ auth: { any: [{ basic: { failures: 2 } }, api-key] } }]
    routes: { any: { match: ANY /x } }
  outside:
    path: /outside
    upstream: web
    policies: [{ auth: { any: [{ forward: { url: "${web}/check", cache: {}, copyToUpstream: [x-roles] } }] } }]
    routes: { any: { match: ANY /x } }
  body:
    path: /body
    upstream: web
    policies: [{ auth: { any: [{ forward: { upstream: web, path: /body-check, payload: json, sends: { body: 64KiB } } }] } }]
    routes: { any: { match: ANY /x } }
`;

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export async function outsideAuthSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config, '  explain: { from: ["127.0.0.1"] }');
  for (const path of ['/basic/x', '/outside/x', '/body/x']) f.web.on(path, tell);
  passwords(f);
  authoriser(f);
  bodies(f);
}

function passwords(f: Fixture): void {
  t.test('a user gets in with the password, and is asked for it otherwise', async (t) => {
    for (let n = 0; n < 2; n++) {
      const { status, json } = await f.send('/basic/x', { headers: basic('alice', 'open: sesame') });
      t.equal(status, 200);
      t.match(json.headers, { 'x-consumer-id': 'alice' });
      t.notOk(json.headers.authorization);
    }
    const asked = await f.send('/basic/x');
    t.match(asked, { status: 401, json: { code: 'UNAUTHENTICATED' } });
    t.equal(asked.headers['www-authenticate'], 'Basic realm="basic", charset="UTF-8", ApiKey realm="basic"');
  });

  t.test('who guesses is told to wait; who has the key gets in', async (t) => {
    const statuses: number[] = [];
    for (const guess of ['one', 'two', 'three']) {
      statuses.push((await f.send('/basic/x', { headers: basic('mallory', guess) })).status);
    }
    t.same(statuses, [401, 401, 429]);
    const last = await f.send('/basic/x', { headers: basic('mallory', 'four') });
    t.equal(last.json.code, 'TOO_MANY_FAILURES');
    t.ok(Number(last.headers['retry-after']) > 200);
    const keyed = await f.send('/basic/x', { headers: { ...basic('mallory', 'five'), 'x-api-key': 'alice-secret' } });
    t.equal(keyed.status, 200);
  });
}

function authoriser(f: Fixture): void {
  t.test('an authoriser says who passes, once for a while, and what its refusal says gets to the client', async (t) => {
    f.web.on('/check', (req, res) => {
      if (req.headers.authorization === 'Bearer good') {
        res.setHeader('x-consumer-id', 'alice').setHeader('x-roles', 'reader').end();
      } else {
        res.writeHead(401, { 'www-authenticate': 'Bearer realm="id"', 'content-type': 'text/plain' }).end('try again');
      }
    });
    const before = f.web.paths.length;
    for (let n = 0; n < 3; n++) {
      const answer = await f.send('/outside/x', { headers: { authorization: 'Bearer good', 'x-roles': 'admin' } });
      t.match(answer.json.headers, { 'x-consumer-id': 'alice', 'x-roles': 'reader' });
    }
    t.same(f.web.paths.slice(before), ['/check', '/outside/x', '/outside/x', '/outside/x']);
    const refused = await f.send('/outside/x', { headers: { authorization: 'Bearer bad' } });
    t.match(refused, { status: 401, text: 'try again', headers: { 'www-authenticate': 'Bearer realm="id"' } });
    const explained = await f.send('/outside/x', { headers: { authorization: 'Bearer new', 'x-sluice-explain': '1' } });
    t.match(
      explained.headers['x-sluice-explain'],
      /"kind":"forward","text":"http:\/\/127\.0\.0\.1:\d+: UNAUTHENTICATED, asked, [\d.]+ ms"/,
    );
  });
}

function bodies(f: Fixture): void {
  t.test('an authoriser sees the body before the upstream does, and both get all of it', async (t) => {
    const seen: { body: string; method: string; path: string }[] = [];
    f.web.on('/body-check', (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const told = JSON.parse(Buffer.concat(chunks).toString());
        seen.push(told);
        res.setHeader('content-type', 'application/json').end(JSON.stringify({ allow: told.body.startsWith('a') }));
      });
    });
    const headers = { authorization: 'Bearer t' };
    const long = 'a'.repeat(60_000);
    for (const body of ['a', long]) {
      const answer = await f.send('/body/x', { method: 'POST', headers, body });
      t.equal(answer.json.body, body);
      t.match(seen.at(-1), { body, method: 'POST', path: '/body/x' });
    }
    const chunked = await f.send('/body/x', {
      method: 'POST',
      headers: { ...headers, 'transfer-encoding': 'chunked' },
      body: 'abc',
    });
    t.equal(chunked.json.body, 'abc');
    t.equal((await f.send('/body/x', { method: 'POST', headers, body: 'b' })).status, 403);
    t.equal((await f.send('/body/x', { method: 'POST', headers, body: 'a'.repeat(65_537) })).status, 413);
    t.equal((await f.send('/body/x', { headers })).status, 403, 'without a body it is told so');
  });
}
