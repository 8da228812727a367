import { connect } from 'node:net';
import t, { type Test } from 'tap';
import type { SeriesIndex, WorkerIndex } from '../../../src/base/ids.ts';
import type { AdminPage } from '../../../src/control/admin/admin-page.ts';
import { AdminServer } from '../../../src/control/admin/admin-server.ts';
import type { AdminView } from '../../../src/control/admin/admin-view.ts';
import { viewPages } from '../../../src/control/admin/view-pages.ts';
import { Span } from '../../../src/shm/histogram-table.ts';
import { buildView } from '../../support/admin-view.ts';
import { parsePrometheus } from '../../support/prometheus.ts';

async function start(t: Test, parts: Partial<AdminView> = {}, host = '127.0.0.1') {
  const view = buildView(parts);
  const server = new AdminServer(viewPages(view));
  const port = await server.listen(host, 0);
  t.teardown(() => server.close());
  return {
    view,
    server,
    port,
    ask: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init),
  };
}

t.test('/healthz says that the process is alive, ready or not', async (t) => {
  const { ask } = await start(t, { notReady: () => ['no worker is registered'] });
  const response = await ask('/healthz');
  t.equal(response.status, 200);
  t.match(response.headers.get('content-type'), 'application/json');
  t.same(await response.json(), { status: 'ok' });
});

t.test('/readyz says why the gateway should get no traffic, or which snapshot it serves', async (t) => {
  let reasons = ['the gateway is draining', 'no worker is registered'];
  const { ask, view } = await start(t, { notReady: () => reasons });
  const notReady = await ask('/readyz');
  t.equal(notReady.status, 503);
  t.same(await notReady.json(), { status: 'not ready', reasons });
  reasons = [];
  view.shm.control.raiseEpoch(12);
  const ready = await ask('/readyz?verbose');
  t.equal(ready.status, 200);
  t.same(await ready.json(), { status: 'ready', epoch: 12 });
});

t.test('/metrics is a page of Prometheus text that nobody may cache', async (t) => {
  const { ask } = await start(t);
  const response = await ask('/metrics');
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.equal(response.headers.get('cache-control'), 'no-store');
  const page = parsePrometheus(await response.text());
  t.ok(page.has('sluice_requests_total') && page.has('sluice_workers_registered'));
});

t.test('scrapes that come at once share one page, and the next gets a new one', async (t) => {
  let made = 0;
  const { ask } = await start(t, {
    seriesMetrics: async () => {
      made++;
      await new Promise((resolve) => setImmediate(resolve));
      return Buffer.from(`made ${made}\n`);
    },
  });
  const pages = await Promise.all([1, 2, 3].map(async () => (await ask('/metrics')).text()));
  const before = made;
  t.ok(pages.every((page) => page.endsWith(`made ${before}\n`)) || before > 1);
  await (await ask('/metrics')).text();
  t.equal(made, before + 1);
});

t.test('/api/v1/latencies tells percentiles per route', async (t) => {
  const { ask, view } = await start(t);
  const { histograms } = view.shm;
  const worker = 0 as WorkerIndex;
  histograms.record(worker, histograms.bankOf(worker, 1 as SeriesIndex), Span.REQUEST, 2_000);
  const response = await ask('/api/v1/latencies');
  t.equal(response.status, 200);
  t.match(await response.json(), {
    routes: [{ service: 'shop', route: 'orders', request: { count: 1 }, upstream: null }],
  });
});

t.test('a task pool that fails is said, and the next scrape tries again', async (t) => {
  let fails = true;
  const { ask } = await start(t, {
    seriesMetrics: () => (fails ? Promise.reject(new Error('no thread')) : Promise.resolve(new Uint8Array())),
    latencies: () => Promise.reject(new Error('no thread')),
  });
  t.equal((await ask('/metrics')).status, 500);
  t.equal((await ask('/api/v1/latencies')).status, 500);
  fails = false;
  t.equal((await ask('/metrics')).status, 200);
});

t.test('/ lists what is there, and anything else is 404', async (t) => {
  const { ask } = await start(t);
  const index = await ask('/');
  t.equal(index.status, 200);
  const text = await index.text();
  for (const path of ['/healthz', '/readyz', '/metrics']) t.match(text, path);
  for (const path of ['/metrics/', '/api', '//metrics', '/api/v1/latencies/', '/HEALTHZ'])
    t.equal((await ask(path)).status, 404, path);
});

t.test('only GET and HEAD are allowed, and the answer says so', async (t) => {
  const { ask } = await start(t);
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const response = await ask('/metrics', { method, body: 'x' });
    t.equal(response.status, 405, method);
    t.equal(response.headers.get('allow'), 'GET, HEAD');
  }
  const head = await ask('/healthz', { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), '16');
  t.equal(await head.text(), '');
});

t.test('an address that is taken is an error, with its code', async (t) => {
  const { port } = await start(t);
  const other = new AdminServer(viewPages(buildView()));
  await t.rejects(other.listen('127.0.0.1', port), { code: 'EADDRINUSE' });
});

t.test('without a host it listens on every address that the system has', async (t) => {
  const { ask } = await start(t, {}, '');
  t.equal((await ask('/healthz')).status, 200);
});

t.test('closing it ends connections that are open', async (t) => {
  const { server, port } = await start(t);
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  server.close();
  await t.resolves(closed);
});

t.test('/api/v1/upstreams tells of every upstream, its targets and how these are', async (t) => {
  const upstreams = [
    {
      name: 'main',
      discovery: { source: 'orders.test (A, AAAA)', targetCount: 1, ageMs: 5, failures: 0, problem: '' },
      targets: [{ target: 'http://a:1', weight: 1, health: 'unknown' as const, isOut: false }],
    },
  ];
  const { ask } = await start(t, { upstreams: () => upstreams });
  const response = await ask('/api/v1/upstreams');
  t.equal(response.status, 200);
  t.same(await response.json(), { upstreams });
});

t.test('a body is JSON that says so, of at most 1 MiB; whatever else is refused', async (t) => {
  const server = new AdminServer([
    {
      method: 'POST',
      path: '/echo/{name}',
      async answer({ params, json }) {
        const body = await json();
        return body.ok ? { status: 200, body: { name: params['name'], body: body.value } } : body.error;
      },
    },
  ]);
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.close());
  const post = (body: string, type = 'application/json') =>
    fetch(`http://127.0.0.1:${port}/echo/a`, { method: 'POST', body, headers: { 'content-type': type } });
  t.same(await (await post('[1]')).json(), { name: 'a', body: [1] });
  t.equal((await post('[1]', 'text/plain')).status, 415, 'a page of another origin may send this one unasked');
  t.equal((await post('[1')).status, 400);
  t.equal((await post(`"${'x'.repeat(1024 * 1024)}"`)).status, 413);
});

t.test("who may ask for a page that names an action is the gate's to say", async (t) => {
  const asked: object[] = [];
  const pages: AdminPage[] = [
    { method: 'GET', path: '/open', answer: () => ({ status: 200, body: 'open' }) },
    {
      method: 'DELETE',
      path: '/api/v1/consumers/{consumer}',
      action: 'admin:DeleteConsumer',
      resource: ({ consumer }) => `consumer/${consumer}`,
      answer: ({ operator }) => ({ status: 200, body: operator }),
    },
    { method: 'GET', path: '/api/v1/things', action: 'admin:ListThings', answer: () => ({ status: 200, body: [] }) },
  ];
  const server = new AdminServer(pages, {
    gate: {
      async admit(req, deed) {
        asked.push(deed ?? {});
        if (req.headers.authorization === undefined) return { refusal: { status: 401, body: {} } };
        return { operator: 'olga' };
      },
    },
  });
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.close());
  const ask = (method: string, path: string, headers = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
  t.equal((await ask('GET', '/open')).status, 200);
  t.same(asked, []);
  t.equal((await ask('DELETE', '/api/v1/consumers/alice')).status, 401);
  t.equal(await (await ask('DELETE', '/api/v1/consumers/alice', { authorization: 'x' })).text(), 'olga');
  await ask('GET', '/api/v1/things?x=1');
  t.same(asked.slice(1), [
    { action: 'admin:DeleteConsumer', resource: 'consumer/alice' },
    { action: 'admin:ListThings', resource: 'things' },
  ]);
});
