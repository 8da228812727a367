import t from 'tap';
import { configOf, issuesOf } from './read.ts';

/** One upstream `a` on line 2. */
function upstream(health: string): string {
  return `version: 1\nupstreams: { a: { targets: ["http://a"], health: ${health} } }`;
}

function healthOf(text: string) {
  return configOf(upstream(text)).upstreams[0]?.health;
}

t.test('checks have their defaults, and every setting is read', async (t) => {
  t.equal(configOf('version: 1\nupstreams: { a: { targets: ["http://a"] } }').upstreams[0]?.health, undefined);
  t.same(healthOf('{ path: /healthz }'), {
    path: '/healthz',
    host: '',
    intervalMs: 2_000,
    timeoutMs: 1_000,
    unhealthyAfter: 3,
    healthyAfter: 2,
    statuses: [[200, 399]],
  });
  const all =
    '{ path: "/h?deep=1", interval: 5s, timeout: 500ms, unhealthyAfter: 1, healthyAfter: 4, status: [200-299, 404], host: "orders.test:8080" }';
  t.same(healthOf(all), {
    path: '/h?deep=1',
    host: 'orders.test:8080',
    intervalMs: 5_000,
    timeoutMs: 500,
    unhealthyAfter: 1,
    healthyAfter: 4,
    statuses: [
      [200, 299],
      [404, 404],
    ],
  });
  t.match(healthOf('{ path: /, status: 204 }'), { statuses: [[204, 204]] });
});

t.test('without a path, connecting is the check', async (t) => {
  t.match(healthOf('{}'), { path: '' });
  t.match(healthOf('{ tcp: true, interval: 1s }'), { path: '', intervalMs: 1_000 });
});

t.test('what cannot be used is told with its place', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{ path: healthz }', /a.health.path: is not valid; expected a path such as \/healthz/],
    ['{ path: "/a b" }', /a.health.path: is not valid/],
    ['{ path: "/a#b" }', /a.health.path: is not valid/],
    ['{ path: /, host: "a/b" }', /a.health.host: is not valid/],
    ['{ path: /, host: "a\\r\\nx: y" }', /a.health.host: is not valid/],
    ['{ path: /, interval: 50ms }', /a.health.interval: is not valid; expected a duration from 100ms to 1h/],
    ['{ path: /, unhealthyAfter: 0 }', /a.health.unhealthyAfter: is not valid/],
    ['{ path: /, status: 600 }', /a.health.status: is not valid/],
    ['{ path: /, status: 399-200 }', /a.health.status: is not valid/],
    ['{ path: /, tcp: true }', /a.health.tcp: does not go with path/],
    ['{ tcp: false }', /a.health: is no check; expected a path, or tcp: true/],
    ['{ status: 200 }', /a.health.status: has no effect without path/],
    ['{ host: a }', /a.health.host: has no effect without path/],
    ['{ paht: / }', /a.health.paht: unknown key; .*did you mean path\?/],
  ];
  for (const [health, issue] of wrong) {
    t.match(issuesOf(upstream(health)), [new RegExp(`^2:\\d+ upstreams.${issue.source}`)], health);
  }
});
