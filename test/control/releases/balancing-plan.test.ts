import t from 'tap';
import { balancingPlan } from '../../../src/control/releases/balancing-plan.ts';
import { compileRing } from '../../../src/control/releases/compile-ring.ts';
import { buildUpstream } from '../../support/build-config.ts';

const upstream = buildUpstream('main', '10.0.0.7:80', ['10.0.0.8:80', 3]);
const names = upstream.targets.map(({ origin }) => origin);

t.test('an upstream with nothing but defaults has no plan', async (t) => {
  t.equal(balancingPlan(upstream, names), undefined);
  t.equal(balancingPlan({ ...upstream, balance: { by: 'round-robin' }, slowStart: 0 }, names), undefined);
  t.match(balancingPlan({ ...upstream, slowStart: 1 }, names), { by: 'round-robin', slowStartMs: 1, ring: undefined });
});

t.test('what cookies say of targets is the same each time, differs by upstream, and holds no address', async (t) => {
  const affinity = { cookie: 'at', ttlMs: 90_000 };
  const ids = (name: string) => balancingPlan({ ...upstream, name, affinity }, names)?.affinity?.ids ?? [];
  t.match(balancingPlan({ ...upstream, affinity }, names)?.affinity, { cookie: 'at', ttlSeconds: 90 });
  t.same(ids('main'), ids('main'));
  t.equal(new Set([...ids('main'), ...ids('other')]).size, 4);
  for (const id of ids('main')) {
    t.match(id, /^[\w-]{12}$/);
    t.notMatch(Buffer.from(id, 'base64url').toString('latin1'), /10\.0/);
  }
});

t.test('hash has a ring, by ip unless another key is said', async (t) => {
  t.same(balancingPlan({ ...upstream, balance: { by: 'hash' } }, names)?.ring?.key, { kind: 'ip' });
  const key = { kind: 'header', name: 'x-user' } as const;
  const ring = balancingPlan({ ...upstream, balance: { by: 'hash', key } }, names)?.ring;
  t.same(ring?.key, key);
  t.equal(ring?.owners.length, 4 * 160);
});

t.test('a ring has rising points, as many for each target as its weight says, and never too many', async (t) => {
  const targets = Array.from({ length: 256 }, (_, n) => ({ name: `t${n}`, weight: n === 0 ? 1_000 : 1 + (n % 9) }));
  const { points, owners } = compileRing({ kind: 'ip' }, targets);
  const words = new Uint32Array(points.buffer);
  t.ok(words.every((point, at) => at === 0 || point >= (words[at - 1] as number)));
  t.ok(owners.length <= 65_536 + 256 && words.length === owners.length, `${owners.length}`);
  const counts = targets.map((_, ordinal) => owners.filter((owner) => owner === ordinal).length);
  const sum = targets.reduce((all, { weight }) => all + weight, 0);
  t.ok(
    targets.every(({ weight }, n) => Math.abs((counts[n] as number) - (weight * 65_536) / sum) <= 1),
    'in proportion',
  );
});
