import t from 'tap';
import type { AffinityPlan } from '../../../src/gateway/snapshot.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import { bareExchange } from '../../support/bare-exchange.ts';
import { type Algorithm, BalancerRig, countsOf, idOf } from './balancer-rig.ts';

const plan: AffinityPlan = { cookie: 'at', ttlSeconds: 0, ids: ['zero', 'one', 'two'] };

function rigOf(affinity: AffinityPlan = plan, by: Algorithm = 'round-robin') {
  const rig = new BalancerRig({ by, weights: [1, 1, 1], plan: { affinity } });
  const [worker] = rig.workers;
  if (worker === undefined) throw new Error('there is no worker');
  /** @returns the target's number, and what the client is told */
  const ask = (cookie: string, fields = {}): readonly [number, string] => {
    const x = bareExchange({ headers: cookie === '' ? [] : ['cookie', cookie], ...fields });
    return [idOf(worker.pick(x, rig.nowMs, undefined)), x.affinityLine];
  };
  return { rig, worker, ask };
}

t.test('a client without a cookie is balanced, and told where it went', async (t) => {
  for (const by of ['round-robin', 'least-requests', 'ewma', 'hash'] as const) {
    const { ask } = rigOf(plan, by);
    const answers = Array.from({ length: 60 }, () => ask(''));
    t.ok(
      countsOf(
        answers.map(([id]) => id),
        3,
      ).every((count) => count > 0),
      by,
    );
    for (const [id, line] of answers) {
      t.equal(line, `set-cookie: at=${plan.ids[id]}; Path=/; HttpOnly; SameSite=Lax\r\n`);
    }
  }
});

t.test('a cookie leads back to its target, with nothing more to be told', async (t) => {
  const { ask } = rigOf();
  for (let n = 0; n < 6; n++) t.same(ask('b=1; at=two'), [2, '']);
});

t.test('a cookie of a target that is out, unknown or made up is as none', async (t) => {
  const { rig, worker, ask } = rigOf();
  worker.observe(rig.targetOf(2), Outcome.UNREACHABLE, 0, rig.nowMs);
  rig.nowMs += 10;
  const [id, line] = ask('at=two');
  t.not(id, 2);
  t.match(line, `at=${plan.ids[id]};`);
  for (const cookie of ['at=three', 'at=', 'at=__proto__']) t.not(ask(cookie)[1], '', cookie);
  rig.nowMs += 1_000;
  t.same(ask('at=two'), [2, ''], 'it is honoured again when its target is back');
});

t.test('a try after one that failed goes elsewhere, and that is where the client is bound to', async (t) => {
  const { rig, worker } = rigOf();
  const x = bareExchange({ headers: ['cookie', 'at=one'] });
  const first = worker.pick(x, rig.nowMs, undefined);
  t.same([idOf(first), x.affinityLine], [1, '']);
  const second = worker.pick(x, rig.nowMs, [first]);
  t.not(idOf(second), 1);
  t.match(x.affinityLine, `at=${plan.ids[idOf(second)]};`);
});

t.test('the cookie lasts as long as it is to, and is Secure for those who came by https', async (t) => {
  const { ask } = rigOf({ ...plan, ttlSeconds: 3_600 });
  t.match(ask('')[1], /^set-cookie: at=\w+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax\r\n$/);
  t.match(ask('', { scheme: 'https' })[1], /SameSite=Lax; Secure\r\n$/);
  const proxied = { headers: ['x-forwarded-proto', 'https'] };
  t.match(ask('', { ...proxied, peerTrusted: true })[1], /; Secure\r\n$/);
  t.notMatch(ask('', proxied)[1], /Secure/, 'anybody can say so');
});
