import t from 'tap';
import type { ServiceConfig } from '../../../src/control/config/config.ts';
import type { ConsumerConfig } from '../../../src/control/config/consumer-config.ts';
import type { PlanBindings, PlanConfig } from '../../../src/control/config/plan-config.ts';
import { levelOf } from '../../../src/gateway/upstream/load/level-of.ts';
import { LeaseVerdict } from '../../../src/gateway/worker-messages.ts';
import { buildConfig, buildConsumer, buildGateway, buildRoute, buildService } from '../../support/build-config.ts';
import { answerLease, leaseShare } from '../../support/lease-share.ts';
import { TestPlane } from '../../support/plane.ts';
import { publishLimits } from '../../support/publish-limits.ts';

const AUTH = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};

function limit(count: number, burst: number, periodSeconds = 1) {
  return { rate: { count, periodSeconds }, burst };
}

function bind(name: string, count: number, burst: number): PlanBindings {
  return { apply: true, allowances: new Map([[name, { limit: limit(count, burst) }]]) };
}

interface Parts {
  readonly plans?: readonly PlanConfig[];
  readonly consumers?: readonly Partial<ConsumerConfig>[];
  readonly service?: Partial<ServiceConfig>;
  readonly route?: PlanBindings;
  readonly redis?: string;
}

class Rig extends TestPlane {
  #epoch = 0;

  use({ plans = [], consumers = [], service = {}, route, redis = '' }: Parts): this {
    const routes = [{ ...buildRoute('a', 'GET /a'), plans: route }, buildRoute('b', 'GET /b', [])];
    const config = buildConfig({
      gateway: buildGateway({ redis }),
      plans,
      consumers: ['alice', 'bob'].map((name, index) => ({
        ...buildConsumer(name, `${name}-secret`),
        ...consumers[index],
      })),
      services: [
        buildService('shop', { policies: [AUTH], routes, ...service }),
        buildService('open', { routes: [buildRoute('c', 'GET /c')] }),
      ],
    });
    publishLimits(this, config, ++this.#epoch);
    return this;
  }

  as(name: string, path = '/a') {
    return this.request(`GET ${path}`, { headers: ['x-api-key', `${name}-secret`] });
  }

  /** @returns how many of so many requests are admitted */
  admitted(name: string, count: number, path = '/a'): number {
    const before = this.sent.length;
    for (let n = 0; n < count; n++) this.as(name, path);
    return this.sent.length - before;
  }
}

t.test('each consumer of a plan has its own count, and one over all routes that know it', async (t) => {
  const plans = [{ name: 'free', limit: limit(1, 4) }];
  const rig = new Rig().use({ plans, consumers: [{ plan: 'free' }, { plan: 'free' }] });
  t.equal(rig.admitted('alice', 3), 3);
  t.equal(rig.admitted('alice', 3, '/b'), 1);
  t.equal(rig.admitted('bob', 9), 4);
  const { client } = rig.as('alice');
  t.equal(client.status, 429);
  t.match(JSON.parse(client.body), { code: 'RATE_LIMITED', detail: 'the limit plan:free is used up' });
  const header = (name: string) => client.headers[client.headers.indexOf(name) + 1];
  t.equal(header('ratelimit-policy'), '"plan:free";q=1;w=1');
  t.match(header('ratelimit'), /^"plan:free";r=0;t=[45]$/);
  t.match(header('retry-after'), /^[12]$/);
  for (let n = 0; n < 20; n++) rig.request('GET /c');
  t.equal(rig.sent.length, 4 + 4 + 20, 'where nobody is asked who it is, no plan counts');
});

t.test('what a consumer says of its own stands in the place of its plan, and its counts are its own', async (t) => {
  const plans = [{ name: 'free', limit: limit(1, 2), priority: 3 }];
  const rig = new Rig().use({
    plans,
    consumers: [
      { plan: 'free', limit: limit(1, 7) },
      { plan: 'free', priority: 9 },
    ],
  });
  t.equal(rig.admitted('alice', 9), 7);
  t.equal(rig.admitted('bob', 9), 2);
  t.equal(levelOf(rig.as('alice').x), 3, "the plan's priority");
  t.equal(levelOf(rig.as('bob').x), 9, 'its own');
  const { client } = rig.as('alice');
  t.match(client.body, /consumer:alice is used up/);
});

t.test('the smallest of plan, service and route wins, and the answer names it', async (t) => {
  const plans = [{ name: 'free', limit: limit(1, 6) }];
  const consumers = [{ plan: 'free' }, {}];
  const rig = new Rig().use({ plans, consumers, service: { plans: bind('free', 1, 5) }, route: bind('free', 1, 3) });
  t.equal(rig.admitted('alice', 9), 3);
  const refused = rig.as('alice').client;
  t.match(refused.body, /shop\.a\.plan:free is used up/);
  t.match(refused.headers.join(), /"shop\.a\.plan:free";r=0/);
  t.match(refused.headers.join(), /ratelimit-policy,"shop\.a\.plan:free";q=1;w=1,/);
  t.equal(rig.admitted('alice', 9, '/b'), 2, 'what the route refused has cost the service nothing');
  t.equal(rig.admitted('bob', 9), 9, 'a consumer without a plan is not bound');
});

t.test('where plans do not count, neither the plan nor what a consumer says of its own does', async (t) => {
  const none: PlanBindings = { apply: false, allowances: new Map() };
  const plans = [{ name: 'free', limit: limit(1, 1) }];
  const consumers = [{ plan: 'free' }, { limit: limit(1, 1) }];
  const rig = new Rig().use({ plans, consumers, route: none });
  t.equal(rig.admitted('alice', 5), 5);
  t.equal(rig.admitted('bob', 5), 5);
  t.equal(rig.admitted('bob', 5, '/b'), 1);
  t.equal(rig.as('alice').x.route?.steps.length, 1, 'the route pays nothing');
});

t.test('a reload that changes a plan keeps what its consumers have used', async (t) => {
  const consumers = [{ plan: 'free' }, {}];
  const rig = new Rig().use({ plans: [{ name: 'free', limit: limit(1, 5) }], consumers });
  t.equal(rig.admitted('alice', 4), 4);
  rig.use({
    plans: [
      { name: 'gold', limit: limit(9, 9) },
      { name: 'free', limit: limit(1, 6) },
    ],
    consumers,
  });
  rig.clock.us += 100_000;
  t.equal(rig.admitted('alice', 9), 2);
});

t.test('where there is a store, a plan is over the cluster: each consumer has its own share', async (t) => {
  const redis = 'redis://127.0.0.1';
  const plans = [{ name: 'free', limit: limit(10, 20), onStoreLoss: 'closed' as const }];
  const consumers = [{ plan: 'free' }, { plan: 'free', limit: limit(1, 3), scope: 'node' as const }];
  const rig = new Rig().use({ plans, consumers, route: bind('free', 5, 5), redis });
  const { x, client } = rig.as('alice', '/b');
  const [question] = rig.leaseQuestions;
  t.equal(question?.[4], 'alice');
  leaseShare(rig, { ratePerSecond: 10, burst: 20 }, 2);
  answerLease(rig, LeaseVerdict.AGAIN);
  t.equal(rig.sent.length, 1);
  t.equal(x.limitLabel, 'plan:free');
  t.match(x.policyItems, '"plan:free";q=10;w=1');
  rig.as('alice', '/b');
  t.equal(rig.sent.length, 2, 'a share is spent without a question');
  t.equal(rig.leaseQuestions.length, 1);
  t.equal(client.status, 0);
  const late = rig.as('alice', '/b').client;
  rig.pass(70);
  t.equal(late.status, 503);
  t.match(late.body, /the limit plan:free cannot be counted for now/);
  t.equal(rig.admitted('bob', 9, '/b'), 3, 'what says node is counted here');
  rig.leaseQuestions.length = 0;
  rig.as('alice', '/a');
  t.equal(rig.leaseQuestions.length, 1, 'what a route says of a plan is where its plan is');
});

t.test('a request waits 50 ms for the store, however many of its limits ask it', async (t) => {
  const plans = [{ name: 'free', limit: limit(10, 20), onStoreLoss: 'closed' as const }];
  const rig = new Rig().use({
    ...{ plans, consumers: [{ plan: 'free' }, {}], redis: 'redis://127.0.0.1' },
    route: bind('free', 5, 5),
  });
  const { client } = rig.as('alice');
  rig.pass(40);
  leaseShare(rig, { ratePerSecond: 5, burst: 5 }, 1);
  answerLease(rig, LeaseVerdict.AGAIN);
  t.equal(rig.leaseQuestions.length, 2, 'the first limit has answered, and the next one asks');
  t.equal(client.status, 0);
  rig.pass(30);
  t.equal(client.status, 503);
});
