import t from 'tap';
import { configOf, issuesOf } from './read.ts';

/** One upstream `a` on line 2. */
function upstream(parts: string): string {
  return `version: 1\nupstreams: { a: { targets: ["http://a", "http://b"], ${parts} } }`;
}

t.test('balancing has its defaults, and every setting is read', async (t) => {
  t.match(configOf(upstream('')).upstreams[0], {
    balance: { by: 'round-robin' },
    affinity: undefined,
    slowStart: 0,
    outliers: undefined,
  });
  const parts = `balance: { by: hash, key: header.X-User }, affinity: { cookie: at, ttl: 1h }, slowStart: 30s,
    outliers: { consecutiveErrors: 3, connectFailures: 2, errors: 20%, slow: 5, silent: 1s, within: 5s, minRequests: 10,
    ejectFor: 2s, maxEjected: 30%, panic: 40% }`;
  t.match(configOf(upstream(parts)).upstreams[0], {
    balance: { by: 'hash', key: { kind: 'header', name: 'x-user' } },
    affinity: { cookie: 'at', ttlMs: 3_600_000 },
    slowStart: 30_000,
    outliers: {
      consecutiveErrors: 3,
      connectFailures: 2,
      errorShare: 0.2,
      slowFactor: 5,
      silentMs: 1_000,
      windowMs: 5_000,
      minRequests: 10,
      ejectMs: 2_000,
      ejectedShareMax: 0.3,
      panicShare: 0.4,
    },
  });
  t.match(configOf(upstream('affinity: {}, outliers: {}')).upstreams[0], {
    affinity: { cookie: 'sluice_target', ttlMs: 0 },
    outliers: {
      consecutiveErrors: 5,
      connectFailures: 1,
      errorShare: 0.5,
      slowFactor: 0,
      silentMs: 0,
      panicShare: 0.5,
    },
  });
});

t.test('every algorithm and every key has its name', async (t) => {
  for (const by of ['round-robin', 'least-requests', 'ewma', 'hash'] as const) {
    t.same(configOf(upstream(`balance: ${by}`)).upstreams[0]?.balance, { by });
  }
  for (const kind of ['ip', 'consumer', 'path'] as const) {
    const { balance } = configOf(upstream(`balance: { by: hash, key: ${kind} }`)).upstreams[0] ?? {};
    t.same(balance?.key, { kind });
  }
  for (const kind of ['cookie', 'query'] as const) {
    const { balance } = configOf(upstream(`balance: { by: hash, key: ${kind}.Sid }`)).upstreams[0] ?? {};
    t.same(balance?.key, { kind, name: 'Sid' });
  }
});

t.test('what cannot be used is told with its place', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['balance: least-request', /a.balance: is not valid; expected one of round-robin, .*; found "least-request"/],
    ['balance: { by: random }', /a.balance.by: is not valid; expected one of round-robin, least-requests, ewma, hash/],
    ['balance: { by: hash, key: ips }', /a.balance.key: is not valid; expected ip, consumer, .* or query.NAME/],
    ['balance: { by: hash, key: "header.a b" }', /a.balance.key: is not valid/],
    ['balance: { by: ewma, key: ip }', /a.balance.key: has no effect: only hash has a key$/],
    ['balance: hash, slowStart: 30s', /a.slowStart: warning: has no effect with hash$/],
    ['affinity: { cookie: "a b" }', /a.affinity.cookie: is not valid; expected the name of a cookie/],
    ['affinity: { ttl: 1ms }', /a.affinity.ttl: is not valid; expected none, or a duration from 1s to 8760h/],
    ['affinity: true', /a.affinity: is not valid; expected a map/],
    ['slowStart: 1ms', /a.slowStart: is not valid; expected none, or a duration from 1s to 1h/],
    ['outliers: { errors: 2 }', /a.outliers.errors: is not valid; expected a percentage/],
    ['outliers: { ejectfor: 1s }', /a.outliers.ejectfor: unknown key; .*did you mean ejectFor\?/],
    ['outliers: { consecutiveErrors: 0, connectFailures: 0, errors: 0% }', /a.outliers: says never to everything/],
    [
      'outliers: { maxEjected: 60% }',
      /a.outliers: warning: with maxEjected of them out, fewer targets than panic are left/,
    ],
  ];
  for (const [parts, issue] of wrong) {
    t.match(issuesOf(upstream(parts)), [new RegExp(`^2:\\d+ .*upstreams.${issue.source}`)], parts);
  }
});
