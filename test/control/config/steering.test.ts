import t from 'tap';
import { parseCondition } from '../../../src/gateway/conditions/parse-condition.ts';
import { configOf, issuesOf, shop } from './read.ts';

/** The service's own lines start on line 6. */
function service(lines: string) {
  return configOf(shop(lines)).services[0];
}

function conditionOf(text: string) {
  const parsed = parseCondition(text);
  return parsed.ok ? parsed.value : undefined;
}

t.test('a rule has a condition, a share or both; what it does not say has defaults', async (t) => {
  const steer = service(`    steer:
      - { name: beta, when: "header.x-beta = '1'", upstream: main }
      - { share: 5%, upstream: main, sticky: { by: cookie } }
      - { share: 0.5%, upstream: main, sticky: { by: header.X-Client } }
      - { share: 50%, upstream: main, sticky: { by: cookie, cookie: lot, maxAge: 90s } }`)?.steer;
  t.same(steer, [
    { name: 'beta', upstream: 'main', share: 1, when: conditionOf("header.x-beta = '1'") },
    {
      name: 'steer.2',
      upstream: 'main',
      share: 0.05,
      sticky: { kind: 'cookie', name: 'sluice-steer', maxAgeSeconds: 2_592_000 },
    },
    { name: 'steer.3', upstream: 'main', share: 0.005, sticky: { kind: 'header', name: 'x-client' } },
    { name: 'steer.4', upstream: 'main', share: 0.5, sticky: { kind: 'cookie', name: 'lot', maxAgeSeconds: 90 } },
  ]);
});

t.test('a mirror gets every request with a body of at most 64 KiB, unless said otherwise', async (t) => {
  t.same(service('    mirror: { upstream: main }')?.mirror, {
    upstream: 'main',
    sampleShare: 1,
    bodyBytesMax: 65_536,
  });
  t.same(service('    mirror: { upstream: main, sample: 10%, bodyBytesMax: 1KiB }')?.mirror, {
    upstream: 'main',
    sampleShare: 0.1,
    bodyBytesMax: 1_024,
  });
});

t.test('a route says its upstream, rules and mirror itself, or leaves them to its service', async (t) => {
  const routes = service(`    routes:
      own: { match: GET /a, upstream: main, steer: [], mirror: { upstream: main } }
      other: { match: GET /b }`)?.routes;
  t.match(routes?.[0], { upstream: 'main', steer: [], mirror: { sampleShare: 1 } });
  t.match(routes?.[1], { upstream: undefined, steer: undefined, mirror: undefined });
});

t.test('an upstream that is not there is told wherever it is named', async (t) => {
  const issues = issuesOf(
    shop(`    steer: [{ share: 1%, upstream: mian }]
    mirror: { upstream: mian }
    routes:
      a: { match: GET /a, upstream: mian, steer: [{ share: 1%, upstream: mian }], mirror: { upstream: mian } }`),
  );
  t.same(
    issues.map((issue) => issue.replace(/: there is no such upstream; .*did you mean "?main"?\??.*$/, '')),
    [
      '6:36 services.shop.steer[0].upstream',
      '7:25 services.shop.mirror.upstream',
      '9:37 services.shop.routes.a.upstream',
      '9:74 services.shop.routes.a.steer[0].upstream',
      '9:103 services.shop.routes.a.mirror.upstream',
    ],
  );
});

t.test('a condition that is none is told with its column, and with what was expected', async (t) => {
  const issues = issuesOf(shop(`    steer: [{ when: "header.x = 1 and", upstream: main }]`));
  t.match(issues, [
    /^6:21 services\.shop\.steer\[0\]\.when: is no condition: column 17: expected a comparison, not, .*; found the end$/,
  ]);
  t.match(issuesOf(shop('    steer: [{ when: 1, upstream: main }]')), [
    /when: is not valid; expected a condition such as/,
  ]);
  const hidden = issuesOf(shop(`    steer: [{ when: "header.x = '\${SECRET}", upstream: main }]`), {
    SECRET: 'planted',
  });
  t.equal(hidden.length, 1);
  t.notMatch(hidden.join(), 'planted');
});

t.test('a rule that does nothing, or takes everything, is refused', async (t) => {
  const wrong: Readonly<Record<string, RegExp>> = {
    '[{ upstream: main }]': /steer\[0\]: takes every request: it needs when, share or both$/,
    '[{ share: 5% }]': /steer\[0\]\.upstream: is missing/,
    '[{ share: 5, upstream: main }]': /steer\[0\]\.share: is not valid/,
    '[{ when: "path = \'/a\'", upstream: main, sticky: { by: ip } }]':
      /steer\[0\]\.sticky: has no effect without share$/,
    '[{ share: 5%, upstream: main, sticky: { by: route } }]':
      /sticky\.by: is not valid; expected cookie, ip, consumer,/,
    '[{ share: 5%, upstream: main, sticky: { by: ip, cookie: a } }]': /sticky\.cookie: is for by: cookie$/,
    '[{ share: 5%, upstream: main, sticky: { by: ip, maxAge: 1h } }]': /sticky\.maxAge: is for by: cookie$/,
    '[{ share: 5%, upstream: main, sticky: { by: cookie, cookie: "a;b" } }]': /sticky\.cookie: is not valid/,
    '[{ name: a, share: 5%, upstream: main }, { name: a, share: 5%, upstream: main }]':
      /steer\[1\]\.name: another rule of this list has this name$/,
    '[{ name: steer.2, share: 5%, upstream: main }]': /steer\[0\]\.name: is not valid/,
    '{ share: 5%, upstream: main }': /steer: is not valid; expected a list/,
  };
  for (const [steer, problem] of Object.entries(wrong)) {
    t.match(issuesOf(shop(`    steer: ${steer}`)), [problem], steer);
  }
});

t.test('a share by consumer is for routes that know the consumer', async (t) => {
  const steer = 'steer: [{ share: 5%, upstream: main, sticky: { by: consumer } }]';
  const auth = 'policies: [{ auth: { any: [api-key] } }]';
  const problem = /sticky\.by: needs to know the consumer; expected an auth policy/;
  t.match(issuesOf(shop(`    ${steer}\n    routes: { a: { match: GET /a } }`)), [problem]);
  t.match(issuesOf(shop(`    routes: { a: { match: GET /a, ${steer} }, b: { match: GET /b, ${auth} } }`)), [problem]);
  t.same(issuesOf(shop(`    ${steer}\n    routes: { a: { match: GET /a }, b: { match: GET /b, ${auth} } }`)), []);
  t.same(issuesOf(shop(`    ${auth}\n    routes: { a: { match: GET /a, ${steer} } }`)), []);
});

t.test('a fault without delay and abort, or with an impossible one, is refused', async (t) => {
  const faultIssues = (fault: string) => issuesOf(shop(`    policies: [{ fault: ${fault} }]`));
  t.match(faultIssues('{}'), [/fault: does nothing: it needs delay, abort or both$/]);
  t.match(faultIssues('{ abort: { status: 200 } }'), [/status: is not valid; expected a whole number from 400 to 599/]);
  t.match(faultIssues('{ delay: 2m }'), [/delay: is not valid; expected a duration from 1ms to 1m/]);
  t.match(faultIssues('{ delay: 1s, when: "a" }'), [/when: is no condition: column 1: expected a parameter/]);
  t.same(faultIssues('{ delay: 1s, share: 10%, when: "exists(query.slow)", abort: { status: 500 } }'), []);
});
