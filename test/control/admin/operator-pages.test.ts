import t, { type Test } from 'tap';
import type { AdminPage } from '../../../src/control/admin/admin-page.ts';
import { AdminServer } from '../../../src/control/admin/admin-server.ts';
import { auditPages } from '../../../src/control/admin/audit-pages.ts';
import { openApiPage } from '../../../src/control/admin/openapi.ts';
import { OperatorGate } from '../../../src/control/admin/operator-gate.ts';
import { operatorPages } from '../../../src/control/admin/operator-pages.ts';
import { RefusalTally } from '../../../src/control/admin/refusal-tally.ts';
import { viewPages } from '../../../src/control/admin/view-pages.ts';
import { AuditLog } from '../../../src/control/audit/audit-log.ts';
import { OperatorDesk } from '../../../src/control/operators/operator-desk.ts';
import { buildView } from '../../support/admin-view.ts';
import { lmdbStores } from '../../support/operator-stores.ts';

type Asked = { readonly method?: string; readonly token?: string | undefined; readonly body?: unknown };
interface Made {
  readonly token: { readonly id: string; readonly token: string };
}

async function start(
  t: Test,
  { anonymous = 'none' as 'none' | 'viewer', metrics = 'open' as 'open' | 'protected' } = {},
) {
  const clock = { ms: 1_000 };
  const source = await lmdbStores(t);
  const [auditStore, store] = [await source.audit(), await source.operators()];
  const log = (): void => {};
  const wallMs = (): number => clock.ms;
  const audit = new AuditLog({ store: () => auditStore, log, wallMs });
  let owner = '';
  const onFirstToken = (token: string): void => {
    owner = token;
  };
  const desk = new OperatorDesk({ open: async () => store, audit, log, onFirstToken, wallMs });
  await desk.poll();
  const tally = new RefusalTally(audit);
  const pages = [...viewPages(buildView(), metrics), ...operatorPages(desk), ...auditPages(audit)];
  const gate = new OperatorGate({ desk, anonymous, tally, wallMs });
  const server = new AdminServer([...pages, openApiPage(pages, '1')], { gate });
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.close());
  const ask = (path: string, { method = 'GET', token = owner, body }: Asked = {}) =>
    fetch(`http://127.0.0.1:${port}${path.startsWith('/') ? path : `/api/v1/${path}`}`, {
      method,
      headers: {
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const add = async (name: string, more: object): Promise<string> => {
    const answer = await ask('operators', { method: 'POST', body: { name, ...more } });
    if (answer.status !== 201) throw new Error(await answer.text());
    return ((await answer.json()) as Made).token.token;
  };
  return { ask, add, clock, audit, desk, tally, pages };
}

t.test('without a token, nothing but the open pages; with none that is known, neither', async (t) => {
  const { ask } = await start(t);
  for (const path of ['/healthz', '/readyz', '/metrics', '/', '/api/v1/openapi.json']) {
    t.equal((await ask(path, { token: '' })).status, 200, path);
  }
  const refused = await ask('usage', { token: '' });
  t.equal(refused.status, 401);
  t.equal(refused.headers.get('www-authenticate'), 'Bearer realm="sluice admin"');
  t.match(await (await ask('usage', { token: 'slo_guess' })).json(), { problem: /is no token/ });
  t.match(await (await ask('usage', { token: `slo_${'x'.repeat(2_000)}` })).json(), { problem: /is no token/ });
  t.same(await (await ask('whoami')).json(), { operator: 'admin', roles: ['owner'] });
});

t.test('who may do what is decided by roles and own permissions, and the refusal names both', async (t) => {
  const { ask, add } = await start(t);
  const viewer = await add('olga', { roles: ['viewer'] });
  const auditor = await add('ada', { roles: ['auditor'] });
  const editor = await add('ed', { roles: ['editor'] });
  const statuses = (token: string) =>
    Promise.all(
      ['latencies', 'upstreams', 'operators', 'audit', 'whoami'].map(
        async (path) => (await ask(path, { token })).status,
      ),
    );
  t.same(await statuses(viewer), [200, 200, 403, 403, 200]);
  t.same(await statuses(editor), [200, 200, 403, 403, 200]);
  t.same(await statuses(auditor), [200, 200, 200, 200, 200]);
  const change = { method: 'POST', body: { name: 'x', roles: ['viewer'] } };
  for (const token of [viewer, auditor, editor]) {
    const answer = await ask('operators', { ...change, token });
    t.equal(answer.status, 403);
    t.match(await answer.json(), { action: 'admin:CreateOperator', resource: 'operator', problem: /may not do/ });
  }
  const permissions = { statement: { effect: 'allow', action: 'admin:GetLatencies', resource: 'status/*' } };
  const narrow = await add('nora', { roles: [], permissions });
  t.same(await statuses(narrow), [200, 403, 403, 403, 200]);
});

t.test('who may make operators, but not grant roles, makes nobody mightier', async (t) => {
  const { ask, add } = await start(t);
  const permissions = {
    statement: [
      { effect: 'allow', action: ['admin:*Operator', 'admin:*Token'], resource: 'operator*' },
      { effect: 'allow', action: 'admin:GrantRole', resource: 'role/viewer' },
    ],
  };
  const clerk = await add('clerk', { roles: [], permissions });
  const post = (path: string, body: object) => ask(path, { method: 'POST', token: clerk, body });
  t.equal((await post('operators', { name: 'guest', roles: ['viewer'] })).status, 201);
  t.equal((await post('operators', { name: 'boss', roles: ['owner'] })).status, 403);
  t.equal((await post('operators', { name: 'boss', roles: [], permissions })).status, 403);
  t.equal((await ask('operators/clerk', { method: 'PUT', token: clerk, body: { roles: ['owner'] } })).status, 403);
  t.equal((await post('operators/admin/tokens', {})).status, 403, "a token of the owner's is the owner's power");
  t.equal((await post('operators/clerk/tokens', {})).status, 201, 'one of their own is none');
});

t.test('tokens are shown once, rotated with an overlap, revoked at once, and expire', async (t) => {
  const { ask, add, clock, desk } = await start(t);
  const first = await add('olga', { roles: ['viewer'], expiresIn: '1h' });
  const listed = await (await ask('operators')).text();
  t.notMatch(listed, first);
  t.notMatch(listed, /sha256|slo_/);
  const [{ id }] = ((await (await ask('operators/olga/tokens')).json()) as { tokens: [{ id: string }] }).tokens;
  const rotated = await ask(`operators/olga/tokens/${id}/rotate`, { method: 'POST', body: { overlap: '10m' } });
  t.equal(rotated.status, 201);
  const { token: second, id: secondId } = (await rotated.json()) as { token: string; id: string };
  const works = async (token: string): Promise<boolean> => (await ask('whoami', { token })).status === 200;
  t.same([await works(first), await works(second)], [true, true]);
  clock.ms += 600_000;
  await desk.poll();
  t.same([await works(first), await works(second)], [false, true]);
  t.match(await (await ask('operators/olga')).json(), { tokens: [{ id }, { id: secondId, lastUsedAt: /^1970/ }] });
  const removed = await ask(`operators/olga/tokens/${secondId}`, { method: 'DELETE' });
  t.same(await removed.json(), { removed: `operator/olga/token/${secondId}` });
  t.notOk(await works(second));
});

t.test('bodies are refused with every problem and its place', async (t) => {
  const { ask } = await start(t);
  const post = async (body: unknown) => {
    const answer = await ask('operators', { method: 'POST', body });
    t.equal(answer.status, 400);
    return ((await answer.json()) as { issues: { path: string; message: string }[] }).issues;
  };
  t.match(await post({ name: 'Olga', roles: ['vewer'], token: 'x' }), [
    { path: 'name', message: /has to be a name/ },
    { path: 'roles[0]', message: /one of owner, editor, viewer, auditor/ },
    { path: 'token', message: /is no key here; expected one of name, roles/ },
  ]);
  t.match(await post({ name: 'process', roles: [] }), [{ path: 'name' }]);
  t.match(await post([]), [{ path: '', message: /object/ }]);
  const permissions = { statement: [{ effect: 'allow', action: 'a b', resource: '*' }] };
  t.match(await post({ name: 'olga', roles: [], permissions }), [{ path: 'permissions.statement[0].action' }]);
});

t.test(
  'ten failures of an address, then 429 for whatever it shows; those who show nothing are not counted',
  async (t) => {
    const { ask, clock, tally, audit } = await start(t);
    for (let n = 0; n < 30; n++) await ask('usage', { token: '' });
    for (let n = 0; n < 10; n++) t.equal((await ask('whoami', { token: `slo_${n}` })).status, 401);
    for (const token of ['slo_x', undefined]) {
      const refused = await ask('whoami', { token });
      t.equal(refused.status, 429, 'also the right one: an answer would tell');
      t.equal(refused.headers.get('retry-after'), '6');
    }
    t.equal((await ask('/metrics', { token: '' })).status, 200);
    clock.ms += 6_000;
    t.equal((await ask('whoami')).status, 200);
    await tally.write();
    await tally.write();
    const lines = await audit.read(1, 10);
    t.equal(lines.length, 1, 'one entry, however many there were');
    t.match(JSON.parse(lines[0] as string), {
      action: 'admin:Login',
      outcome: 'refused',
      after: { count: 12, addresses: { '127.0.0.1': 12 } },
    });
  },
);

t.test('anonymous: viewer lets those who show nothing read what a viewer may', async (t) => {
  const { ask } = await start(t, { anonymous: 'viewer' });
  t.equal((await ask('latencies', { token: '' })).status, 200);
  t.same(await (await ask('whoami', { token: '' })).json(), { operator: 'anonymous', roles: ['viewer'] });
  const body = { name: 'x', roles: ['owner'] };
  t.equal((await ask('operators', { method: 'POST', token: '', body })).status, 401);
  t.equal((await ask('latencies', { token: 'slo_x' })).status, 401, 'what is shown has to be right');
});

t.test('metrics: protected asks for a token', async (t) => {
  const { ask, add } = await start(t, { metrics: 'protected' });
  t.equal((await ask('/metrics', { token: '' })).status, 401);
  t.equal((await ask('/metrics', { token: await add('prometheus', { roles: ['viewer'] }) })).status, 200);
});

t.test('every change is in the log: who, from where, what, before and after, without secrets', async (t) => {
  const { ask, add } = await start(t);
  const token = await add('olga', { roles: ['viewer'] });
  await ask('operators/olga', { method: 'PUT', body: { roles: ['editor'] } });
  await ask('operators/olga', { method: 'DELETE' });
  t.equal((await ask('operators/olga', { method: 'DELETE' })).status, 404);
  const page = (await (await ask('audit?after=1')).json()) as { entries: object[]; next: unknown; head: object };
  t.match(page.entries, [
    { action: 'admin:CreateOperator', resource: 'operator/olga', before: null, after: { roles: ['viewer'] } },
    { action: 'admin:UpdateOperator', before: { roles: ['viewer'] }, after: { roles: ['editor'] } },
    { action: 'admin:DeleteOperator', operator: 'admin', address: '127.0.0.1', before: { name: 'olga' }, after: null },
  ]);
  t.equal(page.entries.length, 3, 'what was not done because there is nothing is no change');
  t.notMatch(JSON.stringify(page), token);
  t.match(await (await ask('audit?limit=2')).json(), { entries: [{ sequence: 1 }, { sequence: 2 }], next: 2 });
  t.match(await (await ask('audit/verify')).json(), { isWhole: true, head: { sequence: 4 }, broken: null });
  for (const query of ['after=x', 'after=-1', 'limit=0', 'limit=1001'])
    t.equal((await ask(`audit?${query}`)).status, 400);
});

t.test('openapi.json has every page, with what it needs and takes', async (t) => {
  const { ask, pages } = await start(t);
  const api = (await (await ask('openapi.json')).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { security: object[]; parameters: { name: string }[]; requestBody?: object }>>;
  };
  t.equal(api.openapi, '3.1.0');
  for (const { method, path, action, body } of pages as readonly AdminPage[]) {
    const operation = api.paths[path]?.[method.toLowerCase()];
    t.ok(operation, `${method} ${path}`);
    if (action !== undefined) t.same(operation?.security, [{ operator: [] }], path);
    t.equal(operation?.requestBody !== undefined, body !== undefined);
  }
  const create = api.paths['/api/v1/operators']?.['post'];
  t.match(create?.requestBody, { content: { 'application/json': { schema: { required: ['name', 'roles'] } } } });
  t.match(api.paths['/api/v1/operators/{operator}/tokens/{token}']?.['delete']?.parameters, [
    { name: 'operator' },
    { name: 'token' },
  ]);
});
