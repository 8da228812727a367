import t from 'tap';
import type { PlanBindings, PlanConfig, QuotaConfig } from '../../../src/control/config/plan-config.ts';
import type { DataPlane } from '../../../src/gateway/data-plane.ts';
import { errors } from '../../../src/gateway/pipeline/errors.ts';
import type { QuotaNeed } from '../../../src/gateway/worker-messages.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../support/build-config.ts';
import { TestPlane } from '../../support/plane.ts';
import { publishLimits } from '../../support/publish-limits.ts';

const AUTH = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};
const DAY_US = 86_400_000_000;

interface Bindings {
  readonly service?: PlanBindings;
  readonly route?: PlanBindings;
}

function bind(quotas: readonly QuotaConfig[], apply = true): PlanBindings {
  return { apply, allowances: new Map(apply ? [['free', { quotas }]] : []) };
}

/** The test is the main thread: it sees what is needed, and grants it. */
class Rig extends TestPlane {
  readonly needs: QuotaNeed[] = [];

  constructor(quotas: readonly QuotaConfig[], more: Partial<PlanConfig> = {}, bindings: Bindings = {}) {
    super();
    Object.assign(this.plane, { needQuota: (need: QuotaNeed) => this.needs.push(need) } satisfies Partial<DataPlane>);
    for (let calendar = 0; calendar < 4; calendar++) this.shm.quotas.setWindow(calendar, 1, this.clock.us + DAY_US);
    publishLimits(
      this,
      buildConfig({
        plans: [{ name: 'free', quotas, ...more }],
        consumers: [{ ...buildConsumer('alice', 'alice-secret'), plan: 'free' }],
        services: [
          buildService('shop', {
            policies: [AUTH],
            routes: [{ ...buildRoute('a', 'GET /a'), plans: bindings.route }, buildRoute('b', 'GET /b')],
            plans: bindings.service,
          }),
        ],
      }),
      1,
    );
  }

  send(path = '/a') {
    return this.request(`GET ${path}`, { headers: ['x-api-key', 'alice-secret'] });
  }

  grant(tokens: number, beyond = 0, at = this.needs.length - 1): void {
    const { low, high, calendar, key } = this.needs[at] as QuotaNeed;
    const slot = this.shm.quotas.open(low, high, calendar, () => false);
    this.shm.quotas.grant(slot, 1, tokens, beyond, Math.floor(tokens / 2));
    this.plane.parking.wake(key);
  }
}

t.test('a request without a block waits for it, then goes on; half-way through, the next is asked for', async (t) => {
  const rig = new Rig([{ max: 100, period: 'day' }]);
  rig.send();
  t.equal(rig.sent.length, 0);
  t.match(rig.needs, [{ quota: 'plan:free/day', consumer: 'alice', max: 100, calendar: 1 }]);
  rig.grant(4, 96);
  t.equal(rig.sent.length, 1);
  rig.send();
  t.equal(rig.needs.length, 2, 'asked for ahead of need');
  rig.send();
  rig.send();
  t.equal(rig.sent.length, 4);
});

t.test('a quota that is used up refuses with its own code until the window ends, and asks nobody', async (t) => {
  const rig = new Rig([{ max: 1, period: 'day' }]);
  rig.send();
  rig.grant(1);
  rig.send();
  rig.grant(0);
  const asked = rig.needs.length;
  const { client } = rig.send();
  t.equal(client.status, 429);
  t.match(client.body, '"code":"QUOTA_EXCEEDED"');
  t.equal(client.headers[client.headers.indexOf('retry-after') + 1], '86400');
  t.match(client.headers.join(), 'ratelimit-policy,"plan:free/day";q=1;w=86400');
  t.equal(rig.needs.length, asked);
});

t.test('of several quotas all are charged or none', async (t) => {
  const rig = new Rig([
    { max: 10, period: 'h' },
    { max: 10, period: 'day' },
  ]);
  rig.send();
  rig.grant(5, 0, 0);
  // The second has no block yet: the first got its token back.
  const { low, high } = rig.needs[0] as QuotaNeed;
  const slot = rig.shm.quotas.find(low, high);
  t.equal(rig.shm.quotas.take(slot, 1), 4);
  rig.shm.quotas.giveBack(slot, 1);
  rig.grant(0);
  t.equal(rig.sent.length, 0);
  t.equal(rig.shm.quotas.take(slot, 1), 4, 'refused by the day, nothing of the hour');
});

t.test('who waits for too long takes the way out: closed refuses, open lets in', async (t) => {
  const closed = new Rig([{ max: 10, period: 'day' }]);
  const { client } = closed.send();
  closed.pass(80);
  t.equal(client.status, errors.QUOTA_UNKNOWN.status);
  t.match(client.body, 'QUOTA_UNKNOWN');
  const open = new Rig([{ max: 10, period: 'day' }], { onStoreLoss: 'open' });
  open.send();
  open.pass(80);
  t.equal(open.sent.length, 1);
});

t.test('while the counters cannot be asked what is left is spent, then nobody waits, and nobody asks', async (t) => {
  const closed = new Rig([{ max: 10, period: 'day' }]);
  closed.send();
  closed.grant(2);
  const { low, high } = closed.needs[0] as QuotaNeed;
  const slot = closed.shm.quotas.find(low, high);
  closed.shm.quotas.refuse(slot, 1);
  closed.send();
  t.equal(closed.sent.length, 2);
  closed.shm.quotas.refuse(slot, 1);
  const asked = closed.needs.length;
  const { client } = closed.send();
  t.match(client.body, 'QUOTA_UNKNOWN');
  t.equal(closed.needs.length, asked);
  closed.shm.quotas.reopen(slot, 1);
  closed.send();
  t.equal(closed.needs.length, asked + 1, 'one may ask again');
});

t.test('a quota that is not known and open is not charged, and gets nothing back', async (t) => {
  const quotas: QuotaConfig[] = [
    { max: 10, period: 'h' },
    { max: 10, period: 'day' },
  ];
  const rig = new Rig(quotas, { onStoreLoss: 'open' });
  rig.send();
  const { low, high, calendar } = rig.needs[0] as QuotaNeed;
  const slot = rig.shm.quotas.open(low, high, calendar, () => false);
  rig.shm.quotas.refuse(slot, 1);
  rig.plane.parking.wake(rig.needs[0]?.key ?? '');
  rig.grant(0);
  t.equal(rig.sent.length, 0, 'the day is used up');
  rig.shm.quotas.grant(slot, 1, 5, 0, 2);
  rig.send();
  t.equal(rig.shm.quotas.leftOf(slot, 1), 5, 'charged and given back');
  rig.shm.quotas.revoke(slot, 1);
  rig.shm.quotas.refuse(slot, 1);
  rig.send();
  t.equal(rig.shm.quotas.leftOf(slot, 1), -3);
});

t.test('a block is of its window: when that is over, it counts for nothing', async (t) => {
  const rig = new Rig([{ max: 10, period: 'day' }]);
  rig.send();
  rig.grant(5);
  rig.shm.quotas.setWindow(1, 2, rig.clock.us + DAY_US);
  rig.send();
  t.equal(rig.sent.length, 1);
  t.equal(rig.needs.length, 2);
});

t.test('what a limit refuses costs no quota', async (t) => {
  const rig = new Rig([{ max: 100, period: 'day' }], { limit: { rate: { count: 1, periodSeconds: 60 }, burst: 2 } });
  rig.send();
  rig.grant(50);
  for (let n = 0; n < 9; n++) rig.send();
  const { low, high } = rig.needs[0] as QuotaNeed;
  t.equal(rig.shm.quotas.take(rig.shm.quotas.find(low, high), 1), 47);
});

t.test('a service and a route have quotas of a plan besides: all are charged, or none', async (t) => {
  const rig = new Rig(
    [{ max: 100, period: 'day' }],
    {},
    {
      service: bind([{ max: 50, period: 'day' }]),
      route: bind([{ max: 2, period: 'h' }]),
    },
  );
  const lastOf = (quota: string) => rig.needs.findLastIndex((need) => need.quota === quota);
  rig.send();
  t.match(rig.needs, [{ quota: 'shop.a.plan:free/h', max: 2 }], 'the narrow first');
  rig.grant(2, 0, 0);
  t.match(rig.needs.at(-1), { quota: 'shop.plan:free/day', max: 50 });
  rig.grant(10, 40, lastOf('shop.plan:free/day'));
  t.match(rig.needs.at(-1), { quota: 'plan:free/day', max: 100 });
  rig.grant(10, 90, lastOf('plan:free/day'));
  t.equal(rig.sent.length, 1);
  const { x } = rig.send();
  t.match(x.policyItems, '"shop.a.plan:free/h";q=2;w=3600, "shop.plan:free/day";q=50;w=86400');
  rig.grant(0, 0, 0);
  const { client } = rig.send();
  t.match(client.body, 'the quota shop.a.plan:free/h is used up');
  rig.send('/b');
  t.equal(rig.sent.length, 3, 'another route has no such quota');
  for (const quota of ['shop.plan:free/day', 'plan:free/day']) {
    const { low, high } = rig.needs[lastOf(quota)] as QuotaNeed;
    t.equal(
      rig.shm.quotas.revoke(rig.shm.quotas.find(low, high), 1),
      7,
      'three were charged: the refused one cost neither',
    );
  }
});

t.test('where plans do not count, a quota that a route says of one still does', async (t) => {
  const rig = new Rig(
    [{ max: 1, period: 'day' }],
    {},
    { service: bind([], false), route: bind([{ max: 3, period: 'h' }]) },
  );
  rig.send();
  t.same(
    rig.needs.map(({ quota }) => quota),
    ['shop.a.plan:free/h'],
  );
  rig.grant(3);
  t.equal(rig.sent.length, 1);
  rig.send('/b');
  t.equal(rig.sent.length, 2);
  t.equal(rig.needs.length, 1);
});

t.test('a request waits 50 ms for its quotas in all', async (t) => {
  const rig = new Rig([
    { max: 100, period: 'day' },
    { max: 100, period: 'h' },
  ]);
  const { client } = rig.send();
  rig.pass(40);
  rig.grant(5, 95);
  t.equal(client.status, 0, 'it waits for the next one');
  rig.pass(30);
  t.equal(client.status, 503);
});
