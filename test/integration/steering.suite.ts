// Steering, mirrors and faults end to end: who gets which request, and that nobody waits for a mirror.

import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { parsePrometheus } from '../support/prometheus.ts';
import { SocketClient } from '../support/socket-client.ts';
import { startSocketUpstream } from '../support/socket-upstream.ts';
import {
  type Engine,
  type Fixture,
  signal,
  startFixture,
  startWebUpstream,
  tell,
  type Upstream,
  type WebHandler,
} from './fixture.ts';

export async function steeringSuite(engine: Engine): Promise<void> {
  const other = await startWebUpstream(t);
  const sockets = await startSocketUpstream(t);
  const f = await startFixture(
    t,
    engine,
    (web, raw) => `
upstreams:
  web: { targets: ["${web}"] }
  raw: { targets: ["${raw}"] }
  other: { targets: ["${other.url}"] }
  sockets: { targets: ["${sockets.url}"] }
services:
  steered:
    path: /steered
    upstream: web
    websocket: true
    steer:
      - { when: "header.x-beta = '1' and regex(path, '/x$')", upstream: other }
      - { when: "query.socket = true", upstream: sockets }
      - { share: 50%, upstream: other, sticky: { by: cookie } }
    routes: { any: { match: "ANY /{rest*}" } }
  mirrored:
    path: /mirrored
    upstream: web
    mirror: { upstream: other, bodyBytesMax: 100KiB }
    routes:
      any: { match: "ANY /{rest*}" }
      hung: { match: ANY /hung, mirror: { upstream: raw } }
  faulty:
    path: /faulty
    upstream: web
    policies: [{ fault: { when: "query.fail = true", delay: 20ms, abort: { status: 418 } } }]
    routes: { any: { match: "ANY /{rest*}" } }
`,
  );
  steers(f, other);
  steersHandshakes(f, sockets);
  mirrors(f, other);
  faults(f);
}

/** Answers with its name and a cookie of its own. */
function named(name: string): WebHandler {
  return (_req, res) => void res.writeHead(200, { 'set-cookie': 'own=1' }).end(name);
}

function steers(f: Fixture, other: Upstream<WebHandler>): void {
  t.test('the first rule whose condition holds says who answers', async (t) => {
    for (const path of ['/steered/x', '/steered/y']) {
      f.web.on(path, named('web'));
      other.on(path, named('other'));
    }
    const cookie = await cookieOfOutsider(f);
    const headers = { 'x-beta': '1', cookie };
    t.equal((await f.send('/steered/x', { headers })).text, 'other');
    t.equal((await f.send('/steered/y', { headers })).text, 'web');
    t.equal((await f.send('/steered/x', { headers: { cookie } })).text, 'web');
    const samples = (await scrape(f)).get('sluice_steered_requests_total')?.samples ?? [];
    t.same(
      samples.find(({ labels }) => labels['rule'] === 'steer.1'),
      {
        labels: { service: 'steered', route: '', rule: 'steer.1', status_class: '2xx' },
        value: 1,
      },
    );
  });

  t.test('a client that comes back with its cookie is answered by the same upstream, and gets no other', async (t) => {
    for (let n = 0; n < 6; n++) {
      const first = await f.send('/steered/y');
      const [own, lot] = first.headers['set-cookie']?.toSorted() ?? [];
      t.equal(own, 'own=1', "the upstream's own cookie is there, too");
      t.match(lot, /^sluice-steer=[\w-]{16}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/);
      const again = await f.send('/steered/y', { headers: { cookie: lot?.split(';')[0] } });
      t.equal(again.text, first.text);
      t.same(again.headers['set-cookie'], ['own=1']);
    }
  });
}

async function scrape(f: Fixture) {
  return parsePrometheus(await (await fetch(`${f.gateway.admin}/metrics`)).text());
}

/** Of one whom the share does not take. */
async function cookieOfOutsider(f: Fixture): Promise<string> {
  for (;;) {
    const { text, headers } = await f.send('/steered/y');
    const lot = headers['set-cookie']?.find((cookie) => cookie.startsWith('sluice-steer='));
    if (text === 'web' && lot !== undefined) return lot.split(';')[0] as string;
  }
}

function steersHandshakes(f: Fixture, sockets: Awaited<ReturnType<typeof startSocketUpstream>>): void {
  t.test('a handshake is steered as any request is', async (t) => {
    sockets.on('/steered/room', (ws) => ws.send('from sockets'));
    const client = await SocketClient.open(`ws://127.0.0.1:${f.gateway.port}/steered/room?socket=true`);
    t.equal((await client.next()).text, 'from sockets');
    client.ws.close();
    await client.closed;
  });
}

function mirrors(f: Fixture, other: Upstream<WebHandler>): void {
  t.test('a mirror gets what the upstream gets, with a mark, and the client the answer of the upstream', async (t) => {
    f.web.on('/mirrored/a', tell);
    const mirrored = signal<{ req: IncomingMessage; body: Buffer }>();
    other.on('/mirrored/a', (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        mirrored.resolve({ req, body: Buffer.concat(chunks) });
        res.writeHead(500).end('of the mirror');
      });
    });
    const body = Buffer.alloc(90_000, 'abcdefg');
    const answer = await f.send('/mirrored/a?b=1', { method: 'POST', body, headers: { 'x-own': 'c' } });
    t.match(answer, { status: 200, json: { method: 'POST', body: body.toString() } });
    const { req, body: copy } = await mirrored.promise;
    t.match(req, { method: 'POST', url: '/mirrored/a?b=1', headers: { 'x-own': 'c', 'x-sluice-mirror': '1' } });
    t.notOk('x-sluice-mirror' in answer.json.headers);
    t.equal(req.headers['x-request-id'], answer.json.headers['x-request-id']);
    t.ok(copy.equals(body));
  });

  t.test('nobody waits for a mirror that does not answer', async (t) => {
    f.web.on('/mirrored/hung', named('web'));
    const asked = signal<string>();
    f.raw.on('/mirrored/hung', (_socket, head) => asked.resolve(head));
    t.equal((await f.send('/mirrored/hung')).text, 'web');
    t.match(await asked.promise, /\r\nx-sluice-mirror: 1\r\n/);
  });

  t.test('a body that is too large goes to the upstream only, and that is counted', async (t) => {
    f.web.on('/mirrored/large', tell);
    const answer = await f.send('/mirrored/large', { method: 'PUT', body: Buffer.alloc(110_000, 'a') });
    t.equal(answer.json.body.length, 110_000);
    t.notOk(other.paths.includes('/mirrored/large'));
    const samples = (await scrape(f)).get('sluice_mirrored_requests_total')?.samples ?? [];
    const count = (result: string) => samples.find(({ labels }) => labels['result'] === result)?.value;
    t.equal(count('too_large'), 1);
    t.equal(count('no_room'), 0);
  });
}

function faults(f: Fixture): void {
  t.test('a fault on purpose is a problem of its own, for those that the condition says', async (t) => {
    f.web.on('/faulty/a', named('web'));
    const before = f.web.paths.length;
    const answer = await f.send('/faulty/a?fail=true', { method: 'POST', body: 'a body that arrives meanwhile' });
    t.match(answer, { status: 418, headers: { 'content-type': 'application/problem+json' } });
    t.match(answer.json, { type: /\/fault-injected$/, status: 418, code: 'FAULT_INJECTED' });
    t.equal(f.web.paths.length, before);
    t.equal((await f.send('/faulty/a')).text, 'web');
  });
}
