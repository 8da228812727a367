// An upstream that does four requests at once, and clients that ask for more: over real sockets, with two workers.

import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { sample } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';

const PLACES = 4;
const SERVICE_MS = 20;
const GOLD_CLIENTS = 2;
const FREE_CLIENTS = 14;
const REQUESTS_PER_GOLD = 20;
const CAUSES = ['queue-full', 'queue-time', 'queue-standing', 'priority'];

t.test('the higher priority is always served, the other as far as there is room', async (t) => {
  const upstreams = { fixed: await startSlowUpstream(), adaptive: await startSlowUpstream() };
  const gateway = await startGatewayProcess(`version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 2 }
upstreams:
  fixed: { targets: ["${upstreams.fixed.url}"], concurrency: { max: ${PLACES}, queue: 5s } }
  adaptive: { targets: ["${upstreams.adaptive.url}"], concurrency: { adaptive: true, min: 1, max: 24, queue: 5s } }
consumers:
  gold: { priority: 10, keys: [{ id: gold-1, secret: gold-secret }] }
  free: { keys: [{ id: free-1, secret: free-secret }] }
services:
  one: { upstream: fixed, policies: [auth: { any: [api-key] }], routes: { all: { match: GET /fixed } } }
  two: { upstream: adaptive, policies: [auth: { any: [api-key] }], routes: { all: { match: GET /adaptive } } }
`);
  t.teardown(async () => {
    await gateway.stop();
    for (const upstream of Object.values(upstreams)) upstream.close();
  });
  for (const [name, most] of [
    ['fixed', PLACES],
    ['adaptive', 24],
  ] as const) {
    const { gold, free } = await overload(gateway.port, `/${name}`);
    t.same(new Set(gold.map(({ status }) => status)), new Set([200]), name);
    t.ok(upstreams[name].most() <= most, `${upstreams[name].most()} at once`);
    const refused = free.filter(({ status }) => status !== 200);
    t.ok(free.length > refused.length, 'some of the others were served');
    t.ok(
      refused.every(
        ({ status, code, retryAfter }) =>
          status === 503 && code === 'UPSTREAM_OVERLOADED' && retryAfter >= 1 && retryAfter <= 30,
      ),
    );
    const page = await (await fetch(`${gateway.admin}/metrics`)).text();
    const shed = CAUSES.map((cause) => sample(page, 'sluice_shed_total', `upstream="${name}",cause="${cause}"`));
    t.equal(
      shed.reduce((a, b) => a + b, 0),
      refused.length,
      'each refusal is counted',
    );
    if (name === 'fixed') t.ok(refused.length > 0, '14 at once do not fit into 4 places');
    t.ok(sample(page, 'sluice_upstream_concurrency_limit', `upstream="${name}"`) >= 1);
    t.equal(sample(page, 'sluice_upstream_in_flight', `upstream="${name}"`), 0);
    t.equal(sample(page, 'sluice_upstream_queued', `upstream="${name}"`), 0);
  }
});

/** Clients of both priorities, each one request after the other, until those of the higher one have had theirs. */
async function overload(port: number, path: string) {
  const agent = new Agent({ keepAlive: true });
  let isOver = false;
  const free: Answer[] = [];
  const others = Array.from({ length: FREE_CLIENTS }, async () => {
    while (!isOver) free.push(await send(agent, port, path, 'free-secret'));
  });
  const gold: Answer[] = [];
  await Promise.all(
    Array.from({ length: GOLD_CLIENTS }, async () => {
      for (let n = 0; n < REQUESTS_PER_GOLD; n++) gold.push(await send(agent, port, path, 'gold-secret'));
    }),
  );
  isOver = true;
  await Promise.all(others);
  agent.destroy();
  return { gold, free };
}

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
  readonly code: string;
}

function send(agent: Agent, port: number, path: string, secret: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-api-key': secret };
    const req = request({ host: '127.0.0.1', port, path, agent, headers }, (res) => {
      let body = '';
      res.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      res.on('end', () => {
        const status = res.statusCode ?? 0;
        const code = status === 200 ? '' : (JSON.parse(body) as { code: string }).code;
        resolve({ status, retryAfter: Number(res.headers['retry-after'] ?? 0), code });
      });
    });
    req.on('error', reject);
    req.end();
  });
}

/** Works on so many requests at once; the others wait with it, in order. */
async function startSlowUpstream() {
  const queue: (() => void)[] = [];
  let busy = 0;
  let here = 0;
  let most = 0;
  const work = (): void => {
    while (busy < PLACES) {
      const answer = queue.shift();
      if (answer === undefined) return;
      busy++;
      setTimeout(() => {
        busy--;
        answer();
        work();
      }, SERVICE_MS);
    }
  };
  const server = createServer((_req, res) => {
    here++;
    most = Math.max(most, here);
    res.on('close', () => {
      here--;
    });
    queue.push(() => res.end('fine'));
    work();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    most: () => most,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
