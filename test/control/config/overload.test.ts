import t from 'tap';
import { configOf, issuesOf, shop } from './read.ts';

function upstream(concurrency: string): string {
  return `version: 1\nupstreams: { a: { targets: ["http://a"], concurrency: ${concurrency} } }`;
}

const ROUTE = '    routes: { a: { match: GET /a }, b: { match: GET /b, priority: 15 } }';

t.test('the limit of an upstream is fixed or adaptive, with defaults that fit', async (t) => {
  const read = (text: string) => configOf(upstream(text)).upstreams[0]?.concurrency;
  t.same(read('{ max: 200 }'), { adaptive: false, min: 4, max: 200, queueMs: 50, queueLength: 256 });
  t.same(read('{ adaptive: true }'), { adaptive: true, min: 4, max: 1_000, queueMs: 50, queueLength: 256 });
  t.same(read('{ adaptive: true, max: 2, queue: 0, queueLength: 0 }'), {
    adaptive: true,
    min: 2,
    max: 2,
    queueMs: 0,
    queueLength: 0,
  });
  t.equal(configOf('version: 1\nupstreams: { a: { targets: ["http://a"] } }').upstreams[0]?.concurrency, undefined);
});

t.test('what the parts of a limit mean for each other is checked, with its place', async (t) => {
  t.match(issuesOf(upstream('{ queue: 1s }')), [/^2:\d+ upstreams\.a\.concurrency\.max: is missing: .*not adaptive/]);
  t.match(issuesOf(upstream('{ max: 9, min: 2 }')), [/concurrency\.min: is of an adaptive limit only/]);
  t.match(issuesOf(upstream('{ adaptive: true, max: 9, min: 10 }')), [/min: is more than max, which is 9$/]);
  t.match(issuesOf(upstream('{ max: 0 }')), [/concurrency\.max: is not valid; expected a whole number from 1/]);
  t.match(issuesOf(upstream('{ max: 9, queue: 11s }')), [/concurrency\.queue: is not valid/]);
  t.match(issuesOf(upstream('{ max: 9, queu: 1s }')), [/queu: unknown key.*queue/]);
});

t.test('a priority is a number from 0 to 15: of a consumer, a route, or all routes of a service', async (t) => {
  const consumers = 'consumers: { gold: { priority: 10 }, free: {} }';
  const config = configOf(shop(`    priority: 3\n${ROUTE}`, consumers));
  t.same(
    config.services[0]?.routes.map(({ priority }) => priority),
    [3, 15],
  );
  t.same(
    config.consumers.map(({ priority }) => priority),
    [10, undefined],
  );
  t.match(issuesOf(shop(ROUTE, 'consumers: { gold: { priority: 16 } }')), [
    /consumers\.gold\.priority: is not valid; .*0 to 15/,
  ]);
  t.match(issuesOf(shop(`    priority: high\n${ROUTE}`)), [/services\.shop\.priority: is not valid/]);
});

t.test("the gateway's own limit has defaults, and can be switched off", async (t) => {
  const read = (text: string) => configOf(`version: 1\ngateway: { overload: ${text} }`).gateway.overload;
  t.same(read('{}'), { loopDelayMs: 500, memory: { share: 0.9 } });
  t.same(read('{ loopDelay: none, memory: none }'), { loopDelayMs: 0, memory: {} });
  t.same(read('{ loopDelay: 250ms, memory: 2GiB }'), { loopDelayMs: 250, memory: { bytes: 2 * 1024 ** 3 } });
  for (const wrong of ['0%', '101%', '1MiB', 'most']) {
    t.match(
      issuesOf(`version: 1\ngateway: { overload: { memory: "${wrong}" } }`),
      [/overload\.memory: is not valid/],
      wrong,
    );
  }
});
