// Balancing and passive health through a gateway of two workers, over real sockets.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocketServer } from 'ws';
import { sample } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { SocketClient } from '../support/socket-client.ts';
import { type RequestOptions, sendRequest } from './fixture.ts';

interface Target {
  readonly url: string;
  /** Requests that it got. */
  count: number;
  answer: (req: IncomingMessage, res: ServerResponse) => void;
}

/** Answers with its name, until a test says otherwise. */
async function startTarget(t: Pick<Test, 'teardown'>, name: string): Promise<Target> {
  const server = createServer((req, res) => {
    target.count++;
    target.answer(req, res);
  });
  const sessions = new WebSocketServer({
    server,
    verifyClient: ({ req }: { req: IncomingMessage }) => req.url?.endsWith('/refused') !== true,
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    for (const client of sessions.clients) client.terminate();
    server.close();
    server.closeAllConnections();
  });
  const target: Target = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: 0,
    answer: (_req, res) => void res.end(name),
  };
  return target;
}

// One gateway for all tests: each has an upstream, and three targets, of its own.
const settings = {
  failing: 'outliers: { consecutiveErrors: 3, ejectFor: 1m }',
  hanging: `balance: least-requests, timeouts: { response: 150ms },
    outliers: { consecutiveErrors: 2, ejectFor: 1m }`,
  bound: 'affinity: { cookie: at, ttl: 1h }, outliers: { consecutiveErrors: 1 }',
  hashed: 'balance: { by: hash, key: header.x-user }',
  chat: 'balance: least-requests',
} as const;
type Name = keyof typeof settings;

const names = Object.keys(settings) as Name[];
const targetsOf = new Map<Name, readonly Target[]>();
for (const name of names) targetsOf.set(name, await Promise.all(['a', 'b', 'c'].map((each) => startTarget(t, each))));
const upstreams = names.map((name) => {
  const targets = targetsOf.get(name)?.map(({ url }) => `"${url}"`);
  return `  ${name}: { targets: [${targets}], ${settings[name]} }\n`;
});
const services = names.map(
  (name) =>
    `  ${name}: { path: /${name}, upstream: ${name}, websocket: true, routes: { all: { match: "ANY /{rest*}" } } }\n`,
);
const gateway = await startGatewayProcess(`version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 2, drainTimeout: 0 }
upstreams:
${upstreams.join('')}services:
${services.join('')}`);
t.teardown(() => gateway.stop());

function rigOf(name: Name) {
  const targets = targetsOf.get(name) as readonly [Target, Target, Target];
  const send = (options?: RequestOptions) => sendRequest(gateway.port, `/${name}/x`, options);
  const metric = async (metricName: string, { url }: Target): Promise<number> => {
    const page = await sendRequest(Number(new URL(gateway.admin).port), '/metrics');
    return sample(page.text, metricName, `target="${url}"`);
  };
  return { targets, send, metric };
}

/** A worker sees what another has put out with its next tick: until so many answers in a row are good, both have had one. */
async function sendUntilGood(send: () => ReturnType<typeof sendRequest>): Promise<void> {
  for (let good = 0; good < 8; ) good = (await send()).status === 200 ? good + 1 : 0;
}

t.test('a target that fails is put out by what one worker sees, for both', async (t) => {
  const { targets, send, metric } = rigOf('failing');
  const [, bad] = targets;
  bad.answer = (_req, res) => void res.writeHead(500).end();
  // Each worker gets every other connection, and each target every third turn.
  while ((await metric('sluice_upstream_healthy', bad)) === 1) await send();
  await sendUntilGood(send);
  const count = bad.count;
  t.ok(count >= 3 && count < 9, `${count}`);
  for (let n = 0; n < 12; n++) t.equal((await send()).status, 200);
  t.equal(bad.count, count);
  t.equal(await metric('sluice_upstream_ejections_total', bad), 1);
});

t.test(
  'a target that does not answer is put out by its timeouts, and avoided before that by least requests',
  async (t) => {
    const { targets, send, metric } = rigOf('hanging');
    const [, , hung] = targets;
    hung.answer = () => {};
    const answers: number[] = [];
    // The first to hang there holds its place; others that come meanwhile see it.
    while ((await metric('sluice_upstream_healthy', hung)) === 1) {
      const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await send()).status));
      answers.push(...statuses);
    }
    await sendUntilGood(send);
    const before = hung.count;
    for (let n = 0; n < 10; n++) t.equal((await send()).status, 200);
    t.equal(hung.count, before);
    t.ok(answers.every((status) => status === 200 || status === 504));
    t.equal(await metric('sluice_upstream_in_flight', hung), 0);
  },
);

t.test('a cookie leads a client back to its target, until that fails', async (t) => {
  const { targets, send } = rigOf('bound');
  const first = await send();
  const [set = ''] = first.headers['set-cookie'] ?? [];
  t.match(set, /^at=[\w-]{12}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
  const cookie = set.split(';')[0] ?? '';
  for (let n = 0; n < 6; n++) {
    const again = await send({ headers: { cookie } });
    t.equal(again.text, first.text);
    t.equal(again.headers['set-cookie'], undefined);
  }
  const bound = targets['abc'.indexOf(first.text)] as Target;
  bound.answer = (_req, res) => void res.writeHead(503).end();
  t.equal((await send({ headers: { cookie } })).status, 503);
  // A worker sees what another has put out with its next tick.
  let moved = await send({ headers: { cookie } });
  while (moved.status === 503) moved = await send({ headers: { cookie } });
  t.not(moved.text, first.text);
  t.not(moved.headers['set-cookie']?.[0]?.split(';')[0], cookie);
});

t.test('requests with the same key go to the same target, whichever worker has them', async (t) => {
  const { targets, send } = rigOf('hashed');
  const places = new Map<string, string>();
  let moved = 0;
  for (let n = 0; n < 60; n++) {
    const user = `user ${n % 20}`;
    const { text } = await send({ headers: { 'x-user': user } });
    if ((places.get(user) ?? text) !== text) moved++;
    else places.set(user, text);
  }
  // The next request may be chosen for while the last one's worker has yet to note that its answer is out: then its target
  // has all that is under way, and the load's bound applies.
  t.ok(moved < 10, `${moved}`);
  t.ok(targets.every(({ count }) => count > 0));
});

t.test('a WebSocket is under way at its target until it ends', async (t) => {
  const { targets, metric } = rigOf('chat');
  const clients = await Promise.all(targets.map(() => SocketClient.open(`ws://127.0.0.1:${gateway.port}/chat/room`)));
  const counts = () => Promise.all(targets.map((target) => metric('sluice_upstream_in_flight', target)));
  const sum = async () => (await counts()).reduce((a, b) => a + b, 0);
  t.equal(await sum(), 3);
  const refusal = await SocketClient.refused(`ws://127.0.0.1:${gateway.port}/chat/refused`);
  t.equal(refusal.status, 401);
  while ((await sum()) > 3) await new Promise(setImmediate);
  t.equal(await sum(), 3, 'a handshake that is refused is over');
  for (const client of clients) client.ws.close(1000);
  await Promise.all(clients.map(({ closed }) => closed));
  while ((await sum()) > 0) await new Promise(setImmediate);
  t.same(await counts(), [0, 0, 0]);
});
