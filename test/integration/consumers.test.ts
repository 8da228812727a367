// Consumers and keys of one instance, over the admin port and the command line.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { tokenOf } from './admin-rig.ts';
import { sendRequest } from './fixture.ts';

t.setTimeout(90_000);

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'sluice-consumers-'));
const upstream = await startUpstream(echo);
const yaml = testConfig({
  upstream: upstream.url,
  routes: `      keyed: { match: "GET /keyed", policies: [{ auth: { any: [api-key] } }] }
      partners: { match: "GET /partners", policies: [{ auth: { any: [api-key] } }, { access: { groups: [partners] } }] }
      documents: { match: "GET /documents", policies: [{ auth: { any: [api-key] } }, permissions] }`,
  more: `plans: { gold: { priority: 3 } }
permissions: { read: { statement: [{ effect: allow, action: "invoke:GET", resource: "*" }] } }
consumers: { walter: { keys: [{ id: walter-1, secret: walter-secret-1 }] } }`,
});
let gateway = await startGatewayProcess(yaml, { args: ['--data', data] });
const token = await tokenOf(gateway);
t.teardown(async () => {
  await gateway.stop();
  await upstream.close();
  rmSync(data, { recursive: true, force: true });
});

function sluice(...args: readonly string[]) {
  const env = { ...process.env, ALICE_SECRET: 'a secret that is given', SLUICE_TOKEN: token };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, '--admin', gateway.admin], {
    env,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${gateway.admin}/api/v1/consumers${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
}

const status = async (key: string, path = '/keyed') =>
  (await sendRequest(gateway.port, path, { headers: { 'x-api-key': key } })).status;

t.test('a consumer is made, gets a key, is let in, rotates, is revoked: on the command line', async (t) => {
  t.match(sluice('consumers', 'set', 'alice', '--plan', 'gold', '--groups', 'partners', '--claim', 'tenant=acme'), {
    status: 0,
  });
  const made = JSON.parse(sluice('keys', 'create', 'alice', '--id', 'alice-1', '--json').out);
  t.match(made, { key: { id: 'alice-1', use: ['api-key'] }, secret: /^slk_/ });
  t.equal(await status(made.secret), 200);
  t.equal(await status(made.secret, '/partners'), 200);
  t.match(sluice('keys', 'create', 'alice', '--id', 'alice-2', '--secret-env', 'ALICE_SECRET').out, /^key +alice-2\n$/);
  t.equal(await status('a secret that is given'), 200);
  const rotated = JSON.parse(sluice('keys', 'rotate', 'alice', 'alice-1', '--overlap', '1h', '--json').out);
  t.same([await status(made.secret), await status(rotated.secret)], [200, 200]);
  t.match(rotated.replaced, { id: 'alice-1', expires: String });
  t.match(sluice('keys', 'expire', 'alice', 'alice-1', 'now'), { status: 0 });
  t.equal(await status(made.secret), 401);
  t.match(sluice('keys', 'disable', 'alice', 'alice-2'), { status: 0 });
  t.equal(await status('a secret that is given'), 401);
  t.match(sluice('keys', 'enable', 'alice', 'alice-2'), { status: 0 });
  t.equal(await status('a secret that is given'), 200);
  t.match(sluice('keys', 'list', 'alice').out, /^id +use .*\nalice-1 +api-key +store .*\nalice-/);
  t.match(sluice('keys', 'revoke', 'alice', 'alice-2'), { status: 0, out: 'alice-2 is revoked\n' });
  t.equal(await status('a secret that is given'), 401);
  t.match(sluice('consumers', 'set', 'alice', '--no-groups').out, /plan +gold/);
  t.equal(await status(rotated.secret, '/partners'), 403);
  t.equal(await status(rotated.secret, '/documents'), 403);
  t.match(sluice('consumers', 'set', 'alice', '--permissions', 'read').out, /permissions +read/);
  t.equal(await status(rotated.secret, '/documents'), 200);
  t.match(sluice('consumers', 'set', 'alice', '--no-permissions'), { status: 0 });
  t.equal(await status(rotated.secret, '/documents'), 403);
  t.match(sluice('consumers', 'list').out, /alice +gold .* store\nwalter .* file\n/);
  t.match(sluice('consumers', 'show', 'walter').out, /walter-1 +api-key +file/);
  t.match(sluice('consumers', 'remove', 'alice'), { status: 0 });
  t.equal(await status(rotated.secret), 401);
});

t.test('the command line says with its exit code what went wrong', async (t) => {
  t.match(sluice('keys', 'list', 'nobody'), { status: 1, err: /there is no consumer nobody/ });
  t.match(sluice('keys', 'rotate', 'alice', 'x'), { status: 2 });
  t.match(sluice('keys', 'create', 'walter', '--use', 'hmac'), { status: 1, err: /encryptionKey is not set/ });
  t.match(sluice('consumers', 'set', 'walter', '--plan', 'gold'), { status: 1, err: /is of sluice.yaml/ });
  t.match(sluice('consumers', 'set', 'new', '--plan', 'silver'), { status: 1, err: /no plan silver/ });
  t.match(sluice('consumers', 'set', 'new', '--permissions', 'all'), { status: 1, err: /no permissions all/ });
});

t.test('requests that make no sense are refused, each with its reason', async (t) => {
  await call('PUT', '/bob', {});
  for (const [method, path, body, wanted] of [
    ['PUT', '/b%20b', {}, 422],
    ['PUT', '/bob', { plan: 7 }, 400],
    ['PUT', '/bob', { plans: 'gold' }, 400],
    ['PATCH', '/nobody', {}, 404],
    ['DELETE', '/walter', undefined, 409],
    ['DELETE', '/nobody', undefined, 404],
    ['POST', '/nobody/keys', {}, 404],
    ['POST', '/bob/keys', { id: 'walter-1' }, 409],
    ['POST', '/bob/keys', { secret: 'walter-secret-1' }, 409],
    ['POST', '/bob/keys', { secret: 'short' }, 400],
    ['POST', '/bob/keys', { notBefore: '2027-01-02', expires: '2027-01-01' }, 422],
    ['DELETE', '/bob/keys/nokey', undefined, 404],
    ['POST', '/bob/keys/nokey/rotate', { overlap: '1h' }, 404],
    ['POST', '/bob/keys/nokey/rotate', {}, 400],
    ['GET', '?limit=1001', undefined, 400],
  ] as const) {
    const { status: answered, json } = await call(method, path, body);
    t.equal(answered, wanted, `${method} ${path} ${JSON.stringify(body)}: ${json?.problem}`);
  }
});

t.test('lists come in pages, and no page leaves anybody out', async (t) => {
  for (const name of ['b1', 'b2', 'zoe']) await call('PUT', `/${name}`, {});
  const names: string[] = [];
  let cursor = '';
  do {
    const { json } = await call('GET', `?limit=2&cursor=${cursor}`);
    names.push(...json.consumers.map(({ name }: { name: string }) => name));
    cursor = json.next ?? '';
  } while (cursor !== '');
  t.same(names, ['b1', 'b2', 'bob', 'walter', 'zoe']);
});

t.test('a request that is sent again makes no second key', async (t) => {
  const again = () => call('POST', '/bob/keys', {}, { 'idempotency-key': 'request-1' });
  const [first, second] = [await again(), await again()];
  t.same(second, first);
  t.equal((await call('GET', '/bob/keys')).json.keys.length, 1);
  t.match(await call('POST', '/bob/keys', { id: 'x' }, { 'idempotency-key': 'request-1' }), { status: 422 });
});

t.test('a file that has a consumer of the store sets what holds, and a restart forgets nothing', async (t) => {
  const { json } = await call('POST', '/bob/keys', {});
  const walter = (await call('POST', '/walter/keys', { id: 'walter-2' })).json;
  await gateway.stop();
  gateway = await startGatewayProcess(yaml.replace('consumers: {', 'consumers: { bob: { groups: [partners] }, '), {
    args: ['--data', data],
  });
  t.same([await status(json.secret, '/partners'), await status(walter.secret)], [200, 200]);
  t.match((await call('GET', '/bob')).json, { source: 'file and store', groups: ['partners'] });
  t.match((await call('GET', '/walter')).json.keys, [
    { id: 'walter-1', source: 'file' },
    { id: 'walter-2', source: 'store' },
  ]);
});
