// mode: shadow and X-Sluice-Explain, end to end over both engines: one gateway with a listener of each.

import t from 'tap';
import { explain } from '../../src/cli/explain.ts';
import { signExplain } from '../../src/gateway/explain/explain-signature.ts';
import { sample } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { SocketClient } from '../support/socket-client.ts';
import { startSocketUpstream } from '../support/socket-upstream.ts';
import { type Answer, type RequestOptions, sendRequest, startWebUpstream, tell } from './fixture.ts';

const SECRET = 'explain-secret-of-the-test';
const web = await startWebUpstream(t);
const sockets = await startSocketUpstream(t);
sockets.on('/chat', () => {});
for (const path of ['/shaded/x', '/simple/x', '/late']) web.on(path, tell);
web.on('/lying', (_req, res) => res.writeHead(200, { 'x-sluice-explain': 'lies', 'cache-control': 'max-age=9' }).end());

const gateway = await startGatewayProcess(
  `version: 1
gateway:
  listen: [{ address: "127.0.0.1:0", engine: uws }, { address: "127.0.0.1:0", engine: node }]
  admin: "127.0.0.1:0"
  workers: 1
  drainTimeout: 0
  trustedProxies: ["127.0.0.1"]
  explain: { from: ["192.0.2.0/24"], secret: "\${SECRET}" }
  accessLog: { file: "-", sample: 0% }
upstreams:
  web: { targets: ["${web.url}"] }
  sockets: { targets: ["http://127.0.0.1:${sockets.port}"] }
consumers:
  alice: { keys: [{ id: alice-1, secret: alice-secret }] }
services:
  shaded:
    path: /shaded
    upstream: web
    policies:
      - rate-limit: { limit: 1/min, burst: 1, by: ip, mode: shadow }
      - auth: { any: [api-key], mode: shadow }
      - rate-limit: { limit: 1/min, burst: 1, by: consumer, mode: shadow }
    routes: { any: { match: "ANY /{rest*}" } }
  simple: { path: /simple, upstream: web, routes: { any: { match: "ANY /{rest*}" } } }
  chat:
    upstream: sockets
    websocket: true
    routes: { all: { match: GET /chat, policies: [{ auth: { any: [api-key], mode: shadow } }] } }
  open:
    upstream: web
    routes:
      lying: { match: GET /lying }
      late: { match: GET /late, policies: [{ rate-limit: { limit: 1/min, burst: 2, by: header.x-engine } }] }
`,
  { env: { SECRET } },
);
t.teardown(() => gateway.stop());

const OPERATOR = { 'x-forwarded-for': '192.0.2.7' };
const STRANGER = { 'x-forwarded-for': '198.51.100.7' };

for (const [index, engine] of ['uws', 'node'].entries()) {
  const address = gateway.addresses[index] as string;
  const port = Number(new URL(address).port);
  const send = (path: string, headers: Record<string, string> = {}, options: RequestOptions = {}) =>
    sendRequest(port, path, { ...options, headers: { 'x-engine': engine, ...headers } });

  t.test(`a route whose policies are all in shadow mode is as one without any (${engine})`, async (t) => {
    const ids = { 'x-request-id': 'one', 'x-forwarded-for': `198.51.100.${10 + index}` };
    const told = (answer: Answer) => [
      answer.status,
      Object.entries(answer.headers).filter(([name]) => name !== 'date'),
      answer.text.replaceAll('shaded', 'simple'),
    ];
    for (const key of [{}, { 'x-api-key': 'alice-secret' }, { 'x-api-key': 'nobody' }]) {
      const [shaded, bare] = [await send('/shaded/x', { ...ids, ...key }), await send('/simple/x', { ...ids, ...key })];
      t.same(told(shaded), told(bare));
    }
  });

  t.test(
    `an operator's answer is explained, its body untouched and the header not forwarded (${engine})`,
    async (t) => {
      const answer = await send('/late', { ...OPERATOR, 'x-sluice-explain': '1' });
      t.equal(answer.status, 200);
      t.match(explanationOf(answer), {
        epoch: 1,
        worker: 0,
        route: 'open.late',
        path: '/late',
        target: { upstream: 'web', origin: web.url, why: 'it is the only one' },
        steps: [{ place: 'open.late.rate-limit.1', verdict: 'admit', by: 'header.x-engine', burst: 2, remaining: 1 }],
      });
      t.equal(answer.headers['cache-control'], 'no-store');
      t.notOk('x-sluice-explain' in answer.json.headers);
      const { us } = explanationOf(answer);
      t.ok(us.gateway >= 0 && us.upstream > 0 && us.total >= us.upstream, JSON.stringify(us));
    },
  );

  t.test(`without permission the header is ignored, and never forwarded (${engine})`, async (t) => {
    const now = Math.floor(Date.now() / 1_000);
    const values = {
      plain: '1',
      forged: `t=${now},sig=${'0'.repeat(64)}`,
      'of another path': signExplain(SECRET, 'GET', '/simple/y', now),
      'of another query': signExplain(SECRET, 'GET', '/simple/x?b', now),
      'of another method': signExplain(SECRET, 'POST', '/simple/x?a', now),
      'of another secret': signExplain(`${SECRET}!`, 'GET', '/simple/x?a', now),
      old: signExplain(SECRET, 'GET', '/simple/x?a', now - 3_600),
      early: signExplain(SECRET, 'GET', '/simple/x?a', now + 3_600),
    };
    for (const [name, value] of Object.entries(values)) {
      const answer = await send('/simple/x?a', { ...STRANGER, 'x-sluice-explain': value });
      t.equal(answer.status, 200);
      t.notOk('x-sluice-explain' in answer.headers || 'cache-control' in answer.headers, name);
      t.notOk('x-sluice-explain' in answer.json.headers, name);
    }
    const signed = signExplain(SECRET, 'GET', '/simple/x?a', now);
    const answer = await send('/simple/x?a', { ...STRANGER, 'X-Sluice-Explain': signed });
    t.equal(explanationOf(answer).route, 'simple.any');
    t.notOk('x-sluice-explain' in answer.json.headers);
  });

  t.test(
    `what an upstream says in the gateway's name does not pass, and what it says of caches stays (${engine})`,
    async (t) => {
      const plain = await send('/lying');
      t.notOk('x-sluice-explain' in plain.headers);
      t.equal(plain.headers['cache-control'], 'max-age=9');
      const explained = await send('/lying', { ...OPERATOR, 'x-sluice-explain': '1' });
      t.equal(explanationOf(explained).route, 'open.lying');
      t.equal(explained.headers['cache-control'], 'no-store, max-age=9');
    },
  );

  t.test(`refusals are explained: of a limit, and of a path that nobody serves (${engine})`, async (t) => {
    await send('/late');
    const limited = await send('/late', { ...OPERATOR, 'x-sluice-explain': '1' });
    t.equal(limited.json.code, 'RATE_LIMITED');
    t.match(explanationOf(limited), {
      code: 'RATE_LIMITED',
      steps: [{ verdict: 'refuse', code: 'RATE_LIMITED', remaining: 0, limit: '1/60s' }],
    });
    const lost = await send(
      '/nowhere',
      { ...OPERATOR, 'x-sluice-explain': '1', host: 'shop.example:80' },
      { method: 'HEAD' },
    );
    t.equal(lost.status, 404);
    t.match(explanationOf(lost).noRoute, { host: 'shop.example', method: 'HEAD', path: '/nowhere' });
  });

  t.test(`a WebSocket's 101 is explained, and a policy in shadow mode lets it in (${engine})`, async (t) => {
    const url = `${address.replace('http', 'ws')}/chat`;
    const client = await SocketClient.open(url, { headers: { ...OPERATOR, 'x-sluice-explain': '1' } });
    t.match(JSON.parse(String(client.headers['x-sluice-explain'])), {
      route: 'chat.all',
      target: { upstream: 'sockets' },
      steps: [{ verdict: 'shadow-refuse', code: 'UNAUTHENTICATED' }],
    });
    t.notOk('x-sluice-explain' in (sockets.seen.at(-1)?.headers ?? {}));
    client.ws.terminate();
  });

  t.test(`sluice explain signs, and prints what it is told (${engine})`, async (t) => {
    const out: string[] = [];
    const errors: string[] = [];
    const terminal = (env: Record<string, string>) => ({
      env,
      out: (text: string) => void out.push(text),
      error: (text: string) => void errors.push(text),
    });
    const options = { method: 'get', headers: [], secretEnv: 'MY_SECRET', json: false, nowSeconds: Date.now() / 1_000 };
    t.equal(await explain(`${address}/shaded/x?a=1`, options, terminal({ MY_SECRET: SECRET })), 0);
    t.match(out.join(''), new RegExp(`^GET ${address}/shaded/x\\?a=1: 200\n`));
    t.match(out.join(''), '  route     shaded.any  /shaded/{rest*}\n');
    t.match(out.join(''), /\n {2}policy {4}shaded\.auth\.1: shadow-refuse UNAUTHENTICATED {2}consumer none {2}\(/);
    t.match(out.join(''), `  target    upstream web, origin ${web.url}`);
    t.equal(await explain(`${address}/simple/x`, { ...options, json: true }, terminal({ MY_SECRET: SECRET })), 0);
    t.match(JSON.parse(out.at(-1) ?? ''), { status: 200, explanation: { route: 'simple.any' } });
    t.equal(await explain(`${address}/simple/x`, options, terminal({})), 1);
    t.match(errors.at(-1), /200, without an explanation: .*MY_SECRET is not set/);
    t.equal(await explain('ftp://a', options, terminal({})), 2);
    t.equal(await explain(address, { ...options, headers: ['no header'] }, terminal({})), 2);
    t.notMatch(out.join('') + errors.join(''), SECRET);
  });
}

t.test('what was admitted in shadow mode is counted and logged by the place of its policy', async (t) => {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  const counted = (code: string, policy: string) =>
    sample(page, 'sluice_shadow_rejections_total', `code="${code}",policy="${policy}"`);
  t.equal(counted('UNAUTHENTICATED', 'shaded.auth.1'), 6, 'two of each engine, and two of sluice explain');
  t.ok(counted('RATE_LIMITED', 'shaded.rate-limit.1') >= 4);
  t.equal(counted('RATE_LIMITED', 'shaded.rate-limit.2'), 1, 'alice, the second time');
  t.equal(sample(page, 'sluice_rejections_total', 'code="UNAUTHENTICATED"'), 0);
  const line = '"shadow":["RATE_LIMITED@shaded.rate-limit.1","UNAUTHENTICATED@shaded.auth.1"]';
  await gateway.waitForOutput(line);
  t.match(gateway.output(), '"status":200,"clientAddress":"198.51.100.10"');
  t.notMatch(gateway.output(), SECRET);
});

t.test('sluice explain says when nobody answers', async (t) => {
  const gone = await startWebUpstream(t);
  await gone.close();
  const errors: string[] = [];
  const terminal = { env: {}, out: () => {}, error: (text: string) => void errors.push(text) };
  const options = { method: 'GET', headers: [], secretEnv: 'X', json: false, nowSeconds: 0 };
  t.equal(await explain(`${gone.url}/`, options, terminal), 1);
  t.match(errors, [/ECONNREFUSED/]);
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
function explanationOf(answer: Answer): any {
  return JSON.parse(String(answer.headers['x-sluice-explain']));
}
