import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startUpstream } from '../support/upstream.ts';
import { adminYaml, asker, newFolder, sluice, startWith, tokenOf, until } from './admin-rig.ts';

const upstream = await startUpstream((_req, res) => void res.end('fine'));
t.teardown(() => upstream.close());

t.test('the commands add, list, rotate, revoke and remove, and verify the log by themselves', async (t) => {
  const data = newFolder(t);
  const gateway = await startWith(upstream.url, data);
  t.teardown(() => gateway.stop());
  const env = { SLUICE_TOKEN: await tokenOf(gateway) };
  const run = (...args: readonly string[]) => sluice(env, ...args, '--admin', gateway.admin);
  t.match(await run('whoami'), { code: 0, out: 'admin (owner)\n' });
  t.match(await sluice({ SLUICE_TOKEN: '' }, 'whoami', '--admin', gateway.admin), {
    code: 1,
    error: /asks for the token of an operator: SLUICE_TOKEN/,
  });
  const permissions = join(data, 'permissions.yaml');
  writeFileSync(permissions, 'statement: { effect: deny, action: "admin:GetUsage", resource: "*" }\n');
  const added = await run('operators', 'add', 'olga', '--role', 'viewer', '--permissions', permissions, '--json');
  t.equal(added.code, 0, added.error);
  const { token } = JSON.parse(added.out) as { token: { id: string; token: string } };
  t.match(await sluice({ SLUICE_TOKEN: token.token }, 'usage', '--admin', gateway.admin), {
    code: 1,
    error: /olga may not do admin:GetUsage on usage/,
  });
  t.match(await run('operators', 'list'), { code: 0, out: /olga +viewer,\(own permissions\) +1/ });
  t.match(await run('operators', 'set', 'olga', '--role', 'editor'), { code: 0 });
  const rotated = await run('tokens', 'rotate', 'olga', token.id, '--overlap', '5m', '--json');
  t.equal(rotated.code, 0, rotated.error);
  t.match(await run('tokens', 'list', 'olga'), { code: 0, out: new RegExp(`${token.id} .*Z +20`) });
  t.match(await run('tokens', 'revoke', 'olga', token.id), { code: 0 });
  t.match(await run('tokens', 'create', 'olga', '--expires-in', 'soon'), { code: 1, error: /expiresIn/ });
  t.match(await run('operators', 'remove', 'olga'), { code: 0 });
  t.match(await run('operators', 'remove', 'admin'), { code: 1, error: /the last owner/ });
  t.match(await sluice(env, 'operators', 'rename'), { code: 2 });

  t.match(await run('audit', 'list', '--limit', '1'), {
    code: 0,
    out: /admin:DeleteOperator +operator\/olga +accepted/,
  });
  t.match(await run('audit', 'verify'), { code: 0, out: /^whole: 7 entries/ });
  t.match(await sluice({}, 'audit', 'verify', data), { code: 0, out: /^whole: 7 entries/ }, 'an outside reader');
  const { out } = await run('audit', 'list', '--json');
  const file = join(data, 'audit.jsonl');
  const lines = out.trimEnd().split('\n');
  const head = (JSON.parse(lines.at(-1) as string) as { hash: string }).hash;
  writeFileSync(file, out);
  t.match(await sluice({}, 'audit', 'verify', file, '--head', `7:${head}`), { code: 0 });
  writeFileSync(file, lines.with(3, (lines[3] as string).replace('olga', 'olaf')).join('\n'));
  t.match(await sluice({}, 'audit', 'verify', file), { code: 1, error: /entry 4 was changed/ });
  writeFileSync(file, lines.slice(0, -1).join('\n'));
  t.match(await sluice({}, 'audit', 'verify', file, '--head', `7:${head}`), { code: 1, error: /ends before entry 7/ });
  t.match(await sluice({}, 'audit', 'verify', file, '--head', 'x'), { code: 2 });
});

t.test('a lost token: whoever has the data folder makes another one, and the running gateway takes it', async (t) => {
  const data = newFolder(t);
  const gateway = await startWith(upstream.url, data);
  t.teardown(() => gateway.stop());
  const lost = await tokenOf(gateway);
  const recovered = await sluice({}, 'operators', 'recover', '-c', gateway.file, '--data', data);
  t.equal(recovered.code, 0, recovered.error);
  const token = /slo_\S+/.exec(recovered.out)?.[0] ?? '';
  await until('the new token to be taken', async () => (await asker(gateway, token)('whoami')).status === 200);
  t.equal((await asker(gateway, lost)('whoami')).status, 401);
  t.match(await (await asker(gateway, token)('audit')).json(), {
    entries: [{}, {}, { action: 'admin:RecoverOperator', operator: 'process' }],
  });
});

t.test('reloads are in the log with the names of what they changed, starts and stops too', async (t) => {
  const data = newFolder(t);
  const gateway = await startWith(upstream.url, data);
  const token = await tokenOf(gateway);
  let from = gateway.output().length;
  await gateway.writeConfig(
    adminYaml(upstream.url, '', 'consumers: { alice: { keys: [{ id: a, secret: "alice-secret-0123" }] } }'),
  );
  await gateway.waitForOutput('published snapshot 2', from);
  from = gateway.output().length;
  await gateway.writeConfig(adminYaml(upstream.url, '', 'nonsense: 1'));
  await gateway.waitForOutput('refused', from);
  const ask = asker(gateway, token);
  type Page = { readonly entries: readonly Record<string, unknown>[] };
  await until('both entries', async () => ((await (await ask('audit')).json()) as Page).entries.length === 4);
  const { entries } = (await (await ask('audit')).json()) as Page;
  t.match(entries[1], { action: 'gateway:Start', operator: 'process', after: { pid: gateway.pid } });
  t.match(entries[2], {
    ...{ operator: 'file', action: 'gateway:Reload', outcome: 'accepted', before: { digest: /^[0-9a-f]{64}$/ } },
    after: { epoch: 2, added: ['consumer/alice'], removed: [], changed: [], digest: /^[0-9a-f]{64}$/ },
  });
  t.match(entries[3], { outcome: 'refused', after: { problemCount: 1, problems: [/nonsense/] } });
  t.notMatch(JSON.stringify(entries), 'alice-secret');
  t.equal(await gateway.stop(), 0);
  const head = /audit log: entry (5 [0-9a-f]{64})/.exec(gateway.output())?.[1] ?? '';
  t.match(await sluice({}, 'audit', 'verify', data, '--head', head), { code: 0, out: /^whole: 5 entries/ });
});
