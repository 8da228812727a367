// The sections circuit, retries and fallback of an upstream.

import t from 'tap';
import { configOf, issuesOf } from './read.ts';

/** One upstream `a` on line 2, and others. */
function upstream(parts: string, others = ''): string {
  return `version: 1\nupstreams: { a: { targets: ["http://a"], ${parts} }, ${others} b: { targets: ["http://b"] } }`;
}

function of(parts: string) {
  return configOf(upstream(parts)).upstreams[0];
}

t.test('without the sections there is no circuit, no retry and no fallback', async (t) => {
  const plain = of('connections: 1');
  t.same([plain?.circuit, plain?.retries, plain?.fallback], [undefined, undefined, undefined]);
});

t.test('an empty section has the defaults', async (t) => {
  t.same(of('circuit: {}')?.circuit, { errors: 0.5, callsMin: 20, withinMs: 10_000, openMs: 5_000, trials: 3 });
  t.same(of('retries: {}')?.retries, {
    attempts: 2,
    budgetShare: 0.2,
    minPerSecond: 10,
    burst: 100,
    perTryMs: 0,
    on: { connect: true, reset: true, timeout: true, open: false, statuses: [502, 503, 504] },
    backoffMs: 25,
    backoffMsMax: 250,
  });
  t.same(of('fallback: { mock: {} }')?.fallback, {
    mock: { status: 200, lines: '', body: '' },
    on: { connect: true, reset: true, timeout: true, open: true, statuses: [502, 503, 504] },
  });
});

t.test('everything can be said', async (t) => {
  const circuit = 'circuit: { errors: 0.5%, slow: { above: 2s }, minRequests: 1, within: 1s, openFor: 1m, trials: 1 }';
  t.same(of(circuit)?.circuit, {
    errors: 0.005,
    slow: { aboveMs: 2_000, share: 0.8 },
    callsMin: 1,
    withinMs: 1_000,
    openMs: 60_000,
    trials: 1,
  });
  t.match(of('retries: { attempts: 1, perTry: 1s, on: [timeout, 429, "503", 503] }')?.retries, {
    perTryMs: 1_000,
    on: { connect: false, reset: false, timeout: true, statuses: [429, 503] },
  });
  t.match(of('fallback: { upstream: b, on: [open] }')?.fallback, {
    upstream: 'b',
    on: { open: true, connect: false, statuses: [] },
  });
});

t.test('a mock is text, or anything else as JSON, with the type that it is', async (t) => {
  const mockOf = (parts: string) => of(`fallback: { mock: { ${parts} } }`)?.fallback?.mock;
  t.same(mockOf('body: { ok: true, list: [1, null] }'), {
    status: 200,
    lines: 'content-type: application/json\r\n',
    body: '{"ok":true,"list":[1,null]}',
  });
  t.match(mockOf('body: "a text"'), { lines: 'content-type: text/plain; charset=utf-8\r\n', body: 'a text' });
  t.match(mockOf('status: 503, headers: { Content-Type: text/html, X-A: " b " }, body: <p>'), {
    status: 503,
    lines: 'content-type: text/html\r\nx-a: b\r\n',
    body: '<p>',
  });
});

const problems: readonly (readonly [parts: string, issue: RegExp])[] = [
  ['circuit: { errors: 0% }', /upstreams\.a\.circuit\.errors: is not valid; expected a percentage above 0%/],
  ['circuit: { errors: 50 }', /circuit\.errors: is not valid/],
  ['circuit: { within: 100ms }', /circuit\.within: is not valid; expected a duration from 1s to 10m/],
  ['circuit: { trials: 0 }', /circuit\.trials: is not valid/],
  ['circuit: { slow: {} }', /circuit\.slow\.above: is missing/],
  ['circuit: { minRequest: 1 }', /circuit\.minRequest: unknown key.*did you mean minRequests/],
  ['retries: { attempts: 0 }', /retries\.attempts: is not valid; expected a whole number from 1 to 10/],
  ['retries: { budget: 0.2 }', /retries\.budget: is not valid; expected a percentage/],
  ['retries: { on: [] }', /retries\.on: is not valid/],
  [
    'retries: { on: [404] }',
    /retries\.on\[0\]: is not valid; expected connect, reset, timeout, 429, or a status from 500/,
  ],
  ['retries: { on: [open] }', /retries\.on\[0\]: is not valid/],
  ['retries: { on: [timeot] }', /retries\.on\[0\]: is not valid.*did you mean timeout/],
  ['fallback: {}', /upstreams\.a\.fallback: needs one of upstream and mock/],
  ['fallback: { upstream: b, mock: {} }', /fallback: needs one of upstream and mock/],
  ['fallback: { upstream: a }', /fallback\.upstream: an upstream is no fallback of its own/],
  [
    'fallback: { upstream: bb }',
    /fallback\.upstream: there is no such upstream; expected a name from upstreams.*did you mean b/,
  ],
  ['fallback: { cache: {} }', /fallback\.cache: cache is not in this version of Sluice/],
  ['fallback: { mock: { status: 204 } }', /fallback\.mock: 204 is a status without a body/],
  ['fallback: { mock: { status: 99 } }', /fallback\.mock\.status: is not valid/],
  [
    'fallback: { mock: { headers: { Content-Length: "1" } } }',
    /fallback\.mock\.headers\.Content-Length: is no name to use/,
  ],
  ['fallback: { mock: { headers: { a: "b\\r\\nc: d" } } }', /fallback\.mock\.headers\.a: is not valid/],
  [`fallback: { mock: { body: "${'x'.repeat(65_537)}" } }`, /fallback\.mock: its body has more than 65536 bytes/],
];

for (const [parts, issue] of problems) {
  t.test(`refused: ${parts.slice(0, 80)}`, async (t) => {
    const issues = issuesOf(upstream(parts));
    t.equal(issues.length, 1, issues.join('\n'));
    t.match(issues[0], issue);
    t.match(issues[0], /^2:\d+ /);
  });
}

t.test('two that stand in for each other are said to be one level only', async (t) => {
  const text = upstream('fallback: { upstream: c }', 'c: { targets: ["http://c"], fallback: { upstream: a } },');
  const issues = issuesOf(text);
  t.equal(issues.length, 2);
  for (const issue of issues) t.match(issue, /is the fallback of its own fallback/);
  t.ok(configOf(text), 'a warning, no error');
});
