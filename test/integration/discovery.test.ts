// Targets that are found and checked, through a gateway process: files, a name server, and servers that fall ill.

import { rename, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { sample } from '../support/configs.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { startLoad } from '../support/load.ts';
import { tlsFolder } from '../support/tls-files.ts';
import { startTlsUpstream } from '../support/tls-upstream.ts';
import { startUpstream } from '../support/upstream.ts';

const GATEWAY =
  'gateway: { listen: "127.0.0.1:0", admin: { address: "127.0.0.1:0", anonymous: viewer }, workers: 2, drainTimeout: 0 }';
// Some answers are under way whenever a target goes; and the load stays small.
const ANSWER_MS = 10;

interface Server {
  readonly url: string;
  readonly port: number;
  /** Requests that were not checks. */
  count: number;
  isIll: boolean;
}

async function startServer(t: Test): Promise<Server> {
  const server = { url: '', port: 0, count: 0, isIll: false };
  const upstream = await startUpstream((req: IncomingMessage, res: ServerResponse) => {
    if (req.url === '/healthz') {
      res.statusCode = server.isIll ? 503 : 200;
      return void res.end();
    }
    server.count++;
    setTimeout(() => res.end(req.headers.host), ANSWER_MS);
  });
  t.teardown(() => upstream.close());
  return Object.assign(server, { url: upstream.url, port: Number(new URL(upstream.url).port) });
}

async function startGateway(t: Test, yaml: string): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(yaml);
  t.teardown(() => gateway.stop());
  return gateway;
}

/** Do this, and wait until the gateway has told so. */
async function after(gateway: GatewayProcess, told: string, act: () => Promise<void> | void): Promise<void> {
  const from = gateway.output().length;
  await act();
  await gateway.waitForOutput(told, from);
}

t.test('targets in a file come and go without a failed request, whatever has become of sluice.yaml', async (t) => {
  const [a, b] = [await startServer(t), await startServer(t)];
  const yaml = `version: 1
${GATEWAY}
upstreams: { main: { discovery: { file: ./targets.yaml } } }
services: { shop: { upstream: main, routes: { all: { match: "GET /" } } } }
`;
  const gateway = await startGateway(t, yaml);
  const file = join(dirname(gateway.file), 'targets.yaml');
  const writeTargets = async (text: string): Promise<void> => {
    await writeFile(`${file}.next`, text);
    await rename(`${file}.next`, file);
  };
  t.match(gateway.output(), 'there is no such file; there are no targets yet');
  const none = await fetch(gateway.address);
  t.equal(none.status, 502);
  t.match(await none.json(), { code: 'UPSTREAM_UNREACHABLE' });
  t.equal((await fetch(`${gateway.admin}/readyz`)).status, 200, 'one upstream is not the gateway');

  await after(gateway, 'published snapshot', () => writeTargets(`- ${a.url}\n- ${b.url}\n`));
  const load = startLoad({ url: gateway.address, clients: 6 });
  await after(gateway, 'published snapshot', () => writeTargets(`[{ "url": "${b.url}", "weight": 3 }]`));
  await after(gateway, 'targets stand', () => writeTargets('- nonsense\n'));
  // A reload of this file would be refused; what is published goes on, with its targets.
  await after(gateway, 'refused', () => gateway.writeConfig('version: [\n'));
  await after(gateway, 'published snapshot', () => writeTargets(`- ${a.url}\n`));
  const counts = await load.stop();
  t.strictSame([[...counts.statuses.keys()], [...counts.failures], counts.refused], [[200], [], 0]);
  t.ok(a.count > 0 && b.count > 0, 'both had their time');
  const before = { a: a.count, b: b.count };
  for (let i = 0; i < 10; i++) t.equal((await fetch(gateway.address)).status, 200);
  t.same([a.count - before.a, b.count - before.b], [10, 0], 'who is gone gets nothing more');
});

t.test('targets from a name server are reached by their name; those that fall ill get nothing', async (t) => {
  const [a, b, dns] = [await startServer(t), await startServer(t), await startDnsServer()];
  const tls = await startTlsUpstream({ as: 'orders' });
  t.teardown(() => Promise.all([dns.close(), tls.close()]));
  dns.set('orders.test', [{ type: 'A', address: '127.0.0.1', ttl: 0 }]);
  dns.set('_http._tcp.orders.test', [{ type: 'SRV', name: 'a.test', port: a.port }]);
  for (const name of ['a.test', 'b.test']) dns.set(name, [{ type: 'A', address: '127.0.0.1', ttl: 0 }]);
  const asked = `resolver: ["${dns.address}"], intervalMin: 50ms`;
  const gateway = await startGateway(
    t,
    `version: 1
${GATEWAY}
upstreams:
  secure:
    discovery: { dns: "https://orders.test:${tls.port}", ${asked} }
    tls: { ca: ${JSON.stringify(`${tlsFolder}ca.crt`)} }
    health: { path: /healthz, interval: 100ms, timeout: 5s }
  srv: { discovery: { dns: "http://_http._tcp.orders.test", type: SRV, ${asked} } }
  checked:
    targets: ["${a.url}", "${b.url}"]
    health: { path: /healthz, interval: 100ms, timeout: 5s, unhealthyAfter: 1, healthyAfter: 1 }
services:
  secure: { path: /secure, upstream: secure, routes: { all: { match: "GET /" } } }
  srv: { path: /srv, upstream: srv, routes: { all: { match: "GET /" } } }
  checked: { path: /checked, upstream: checked, routes: { all: { match: "GET /" } } }
`,
  );
  const ask = (path: string) => fetch(gateway.address + path);
  const metrics = async () => (await fetch(`${gateway.admin}/metrics`)).text();

  t.equal(await (await ask('/secure/')).text(), 'fine', 'it was found before the gateway listened');
  t.match(tls.seen.at(-1), { host: `orders.test:${tls.port}`, serverName: 'orders.test' });
  t.equal(await (await ask('/srv/')).text(), `a.test:${a.port}`);
  await after(gateway, 'published snapshot', () =>
    dns.set('_http._tcp.orders.test', [{ type: 'SRV', name: 'b.test', port: b.port, weight: 5 }]),
  );
  t.equal(await (await ask('/srv/')).text(), `b.test:${b.port}`);

  await after(gateway, 'the name server failed; 1 targets stand', () => dns.set('orders.test', 'servfail'));
  t.equal((await ask('/secure/')).status, 200);
  const page = await metrics();
  t.equal(sample(page, 'sluice_discovery_targets', 'upstream="secure"'), 1);
  t.ok(sample(page, 'sluice_discovery_failures_total', 'upstream="secure"') > 0);
  t.ok(
    sample(page, 'sluice_health_checks_total', `target="https://127.0.0.1:${tls.port}",result="ok"`) > 0,
    'its checks reach it over TLS',
  );
  t.equal(sample(page, 'sluice_discovery_publications_total', 'result="published"'), 1);

  await after(gateway, `target ${a.url} gets no more requests: its checks fail (status 503)`, () => {
    a.isIll = true;
  });
  const before = { a: a.count, b: b.count };
  for (let i = 0; i < 10; i++) t.equal((await ask('/checked/')).status, 200);
  t.same([a.count - before.a, b.count - before.b], [0, 10]);
  t.equal(sample(await metrics(), 'sluice_upstream_healthy', `upstream="checked",target="${a.url}"`), 0);
  const { upstreams } = (await (await fetch(`${gateway.admin}/api/v1/upstreams`)).json()) as { upstreams: unknown[] };
  t.match(upstreams, [
    { name: 'secure', discovery: { targetCount: 1, problem: 'the name server failed' } },
    { name: 'srv', targets: [{ target: `http://127.0.0.1:${b.port}` }] },
    {
      targets: [
        { health: 'unhealthy', isOut: true, check: { reason: 'status 503' } },
        { health: 'healthy', isOut: false },
      ],
    },
  ]);
  await after(gateway, `target ${a.url} gets requests again`, () => {
    a.isIll = false;
  });
  for (let i = 0; i < 4; i++) await ask('/checked/');
  t.ok(a.count > before.a);
});
