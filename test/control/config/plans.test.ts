import t from 'tap';
import { configOf, issuesOf, shop } from './read.ts';

const AUTH = 'policies: [{ auth: { any: [api-key] } }]';
const ROUTE = `    routes: { a: { match: "GET /a", ${AUTH} } }`;

t.test(
  'a plan has a rate, a burst and a priority, and a consumer says beside its plan what it has of its own',
  async (t) => {
    const config = configOf(
      shop(
        ROUTE,
        'plans: { free: { limit: 5/s, burst: 10, priority: 0 }, gold: { limit: 2000/s, priority: 10 } }\n' +
          'consumers: { alice: { plan: gold, limit: 3000/s, priority: 12 }, bob: { plan: free }, carol: { limit: 60/min } }',
      ),
    );
    t.same(config.plans, [
      { name: 'free', limit: { rate: { count: 5, periodSeconds: 1 }, burst: 10 }, priority: 0 },
      { name: 'gold', limit: { rate: { count: 2000, periodSeconds: 1 }, burst: 2000 }, priority: 10 },
    ]);
    t.match(config.consumers, [
      { name: 'alice', plan: 'gold', limit: { rate: { count: 3000 }, burst: 3000 }, priority: 12 },
      { name: 'bob', plan: 'free' },
      { name: 'carol', limit: { burst: 1 } },
    ]);
    t.notOk(config.consumers.some((consumer) => 'burst' in consumer));
  },
);

t.test('plans and consumers say where they are counted, and what holds without the store', async (t) => {
  const text =
    'plans: { free: { limit: 5/s, scope: cluster, onStoreLoss: local-share } }\n' +
    'consumers: { alice: { plan: free, limit: 9/s, scope: node, claims: { tenant: acme } } }';
  const config = configOf(shop(ROUTE, text));
  t.match(config.plans, [{ scope: 'cluster', onStoreLoss: 'local-share' }]);
  t.match(config.consumers, [{ scope: 'node', claims: { tenant: 'acme' } }]);
  t.match(issuesOf(shop(ROUTE, text)), [/plans\.free\.scope: warning: has no effect without gateway\.redis/]);
  t.match(issuesOf(shop(ROUTE, 'consumers: { alice: { claims: { tenant: "" } } }')), [
    /consumers\.alice\.claims\.tenant: /,
  ]);
});

t.test('services and routes bind plans, or say that they do not count there', async (t) => {
  const config = configOf(
    shop(
      `    plans: { free: { limit: 1/s } }\n    routes: { a: { match: "GET /a", plans: none, ${AUTH} } }`,
      'plans: { free: { limit: 5/s } }',
    ),
  );
  const [service] = config.services;
  t.equal(service?.plans?.apply, true);
  t.same(service?.plans?.allowances.get('free'), { limit: { rate: { count: 1, periodSeconds: 1 }, burst: 1 } });
  t.equal(service?.routes[0]?.plans?.apply, false);
});

t.test(
  'a plan that is not there, a burst without a limit and a binding without auth are refused where they stand',
  async (t) => {
    const plans = 'plans: { gold: { limit: 5/s } }';
    t.match(issuesOf(shop(ROUTE, `${plans}\nconsumers: { a: { plan: gald } }`)), [
      /consumers\.a\.plan: unknown plan; expected gold.*did you mean gold/,
    ]);
    t.match(issuesOf(shop(`    plans: { silver: { limit: 1/s } }\n${ROUTE}`, plans)), [
      /services\.shop\.plans\.silver: unknown plan/,
    ]);
    t.match(issuesOf(shop(ROUTE, 'plans: { gold: { burst: 5 } }')), [/plans\.gold\.burst: is of a limit/]);
    t.match(issuesOf(shop(ROUTE, 'plans: { gold: { limit: 1000/day } }')), [
      /plans\.gold\.limit: a period of more than/,
    ]);
    t.match(issuesOf(shop('    routes: { a: { match: "GET /a", plans: { gold: { limit: 1/s } } } }', plans)), [
      /services\.shop\.routes\.a\.plans: needs to know the consumer; expected an auth policy/,
    ]);
  },
);

t.test('a limit by a parameter of the path needs a path that has it, on every route that it is for', async (t) => {
  const limit = 'policies: [{ rate-limit: { limit: 1/s, by: path.id } }]';
  t.same(issuesOf(shop(`    ${limit}\n    routes: { a: { match: "GET /a/{id}" } }`)), []);
  t.match(issuesOf(shop(`    ${limit}\n    routes: { a: { match: "GET /a/{id}" }, b: { match: "GET /b" } }`)), [
    /services\.shop\.policies\[0\]\.rate-limit\.by: the path of route b has no parameter \{id\}/,
  ]);
});
