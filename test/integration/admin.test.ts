import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startUpstream } from '../support/upstream.ts';
import { adminYaml, asker, newFolder, startWith, tokenOf, until } from './admin-rig.ts';

// What is promised of a revocation on other instances, with half a second for a machine whose cores others use.
const REVOKED_MS_MAX = 1_500;

const upstream = await startUpstream((_req, res) => void res.end('fine'));
t.teardown(() => upstream.close());

t.test('the first start prints a token, once; the second prints none, and takes it', async (t) => {
  const data = newFolder(t);
  const first = await startWith(upstream.url, data);
  const token = await tokenOf(first);
  t.match(token, /^slo_[A-Za-z0-9_-]{49}$/);
  t.equal(first.output().split(token).length, 2, 'it stands there once');
  t.equal((await asker(first, token)('whoami')).status, 200);
  t.equal((await fetch(`${first.admin}/api/v1/upstreams`)).status, 401);
  t.equal(await first.stop(), 0);
  const second = await startWith(upstream.url, data);
  t.teardown(() => second.stop());
  t.equal(await tokenOf(second), '');
  t.notMatch(second.output(), 'There were no operators');
  t.equal((await asker(second, token)('whoami')).status, 200);
});

t.test('kill -9 in the midst of changes loses nothing that was acknowledged, and the chain is whole', async (t) => {
  const data = newFolder(t);
  const gateway = await startWith(upstream.url, data);
  const token = await tokenOf(gateway);
  const ask = asker(gateway, token);
  const acknowledged: string[] = [];
  const change = async (worker: number): Promise<void> => {
    for (let n = 0; ; n++) {
      const name = `op-${worker}-${n}`;
      const answer = await ask('operators', 'POST', { name, roles: ['viewer'] });
      if (answer.status === 201) acknowledged.push(name);
    }
  };
  const changing = Promise.allSettled([0, 1, 2].map(change));
  await until('some changes', async () => acknowledged.length >= 20);
  gateway.signal('SIGKILL');
  await Promise.all([changing, gateway.exited]);

  const next = await startWith(upstream.url, data);
  t.teardown(() => next.stop());
  const askNext = asker(next, token);
  const { operators } = (await (await askNext('operators')).json()) as { operators: { name: string }[] };
  const names = new Set(operators.map(({ name }) => name));
  t.same(
    acknowledged.filter((name) => !names.has(name)),
    [],
  );
  t.match(await (await askNext('audit/verify')).json(), { isWhole: true, broken: null });
  const { entries } = (await (await askNext('audit?limit=1000')).json()) as {
    entries: { action: string; resource: string }[];
  };
  const written = new Set(
    entries.filter(({ action }) => action === 'admin:CreateOperator').map(({ resource }) => resource),
  );
  t.same(
    [...names].filter((name) => !written.has(`operator/${name}`)),
    [],
    'no operator whose making is not written down',
  );
});

t.test(
  'two instances on one Redis: one token, one log; what one revokes the other refuses within a second',
  async (t) => {
    const redis = await startRedisServer();
    const env = { REDIS_URL: redis.url };
    const text = adminYaml(upstream.url, '  redis: "${REDIS_URL}"');
    const [one, two] = (await Promise.all(
      [1, 2].map(() => startGatewayProcess(text, { args: ['--data', newFolder(t)], env })),
    )) as [GatewayProcess, GatewayProcess];
    t.teardown(async () => {
      await Promise.all([one.stop(), two.stop()]);
      await redis.stop();
    });
    const tokens = (await Promise.all([tokenOf(one), tokenOf(two)])).filter((token) => token !== '');
    t.equal(tokens.length, 1, 'exactly one prints it');
    const [owner = ''] = tokens;
    const [askOne, askTwo] = [asker(one, owner), asker(two, owner)];
    t.equal((await askOne('whoami')).status, 200);
    await until('the other to know the owner', async () => (await askTwo('whoami')).status === 200);

    const made = (await (await askOne('operators', 'POST', { name: 'olga', roles: ['viewer'] })).json()) as {
      token: { id: string; token: string };
    };
    const olga = asker(two, made.token.token);
    await until('the other to know olga', async () => (await olga('whoami')).status === 200);
    t.equal((await olga('operators')).status, 403);
    await askOne(`operators/olga/tokens/${made.token.id}`, 'DELETE');
    const ms = await until('the other to refuse her', async () => (await olga('whoami')).status === 401);
    t.ok(ms < REVOKED_MS_MAX, `${ms} ms`);

    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? askOne : askTwo)('operators', 'POST', { name: `op-${index}`, roles: [] }),
      ),
    );
    t.match(await (await askTwo('audit/verify')).json(), { isWhole: true });
    const { operators } = (await (await askOne('operators')).json()) as { operators: unknown[] };
    t.equal(operators.length, 12);
  },
);

t.test('a data folder that cannot be used closes the admin API, and traffic goes on', async (t) => {
  const data = newFolder(t);
  // A file stands where the folder of operators would be: root may write into any folder.
  writeFileSync(join(data, 'operators'), '');
  chmodSync(join(data, 'operators'), 0o400);
  const gateway = await startWith(upstream.url, data);
  t.teardown(() => gateway.stop());
  await gateway.waitForOutput('the admin API is closed');
  const answer = await asker(gateway, 'slo_x')('whoami');
  t.equal(answer.status, 503);
  t.match(await answer.json(), { problem: /nobody can be let in: the data folder .* cannot be used/ });
  t.equal((await fetch(`${gateway.admin}/healthz`)).status, 200);
  t.equal(await (await fetch(`${gateway.address}/one`)).text(), 'fine');
});

t.test('a take-over keeps operators and continues the log', async (t) => {
  const data = newFolder(t);
  const first = await startWith(upstream.url, data);
  const token = await tokenOf(first);
  const second = await startWith(upstream.url, data, '--take-over');
  t.teardown(() => second.stop());
  await first.exited;
  t.equal(await tokenOf(second), '');
  const ask = asker(second, token);
  const { entries } = (await (await ask('audit')).json()) as { entries: { action: string; after: object }[] };
  t.match(
    entries.find(({ action }) => action === 'gateway:TakeOver'),
    { after: { from: first.pid, pid: second.pid } },
  );
  t.match(
    entries.find(({ action }) => action === 'gateway:Stop'),
    { after: { pid: first.pid, why: 'another process has taken over' } },
  );
  t.match(await (await ask('audit/verify')).json(), { isWhole: true });
});
