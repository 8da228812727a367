import t from 'tap';
import { configOf, issuesOf } from './read.ts';

const tracing = (parts: string) => `version: 1\ngateway: { tracing: { ${parts} } }`;

t.test('tracing is off unless it is written, and then has its defaults', async (t) => {
  t.equal(configOf('version: 1').gateway.tracing, undefined);
  t.same(configOf(tracing('otlp: "http://c:4318/v1/traces"')).gateway.tracing, {
    otlp: 'http://c:4318/v1/traces',
    sample: 0.01,
    slowMs: 1_000,
    headers: {},
    serviceName: 'sluice',
  });
});

t.test('every setting is read', async (t) => {
  const text = tracing(
    'otlp: "https://c/x", sample: 12.5%, slow: none, headers: { Authorization: "${TOKEN}" }, serviceName: edge',
  );
  t.same(configOf(text, { TOKEN: 'Bearer a b' }).gateway.tracing, {
    otlp: 'https://c/x',
    sample: 0.125,
    slowMs: 0,
    headers: { authorization: 'Bearer a b' },
    serviceName: 'edge',
  });
});

t.test('what cannot be used is told', async (t) => {
  t.match(issuesOf(tracing('')), [/gateway.tracing.otlp: is missing/]);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['otlp: "http://user:pass@c/"', /tracing.otlp: is not valid/],
    ['otlp: "http://c/?key=1"', /tracing.otlp: is not valid/],
    ['otlp: "grpc://c:4317"', /tracing.otlp: is not valid/],
    ['otlp: "http://c", sample: 1', /tracing.sample: is not valid; expected a percentage/],
    ['otlp: "http://c", sample: 101%', /tracing.sample: is not valid/],
    ['otlp: "http://c", sample: 0.0000001%', /tracing.sample: is not valid/],
    ['otlp: "http://c", slow: 2h', /tracing.slow: is not valid/],
    [
      'otlp: "http://c", headers: { content-type: x }',
      /headers.content-type: is no name to use; expected the name of a/,
    ],
    ['otlp: "http://c", headers: { a: "x\\ny" }', /tracing.headers.a: is not valid/],
    ['otlp: "http://c", samples: 1%', /unknown key; expected one of otlp, sample/],
  ];
  for (const [text, issue] of wrong) t.match(issuesOf(tracing(text)), [issue], text);
});

t.test('no issue tells what a header holds', async (t) => {
  for (const headers of ['{ a: "hush-hush\\n" }', 'hush-hush', '{ a: [hush-hush] }', '{ a: { b: hush-hush } }']) {
    const issues = issuesOf(tracing(`otlp: "http://c", headers: ${headers}`));
    t.equal(issues.length, 1, headers);
    t.notMatch(issues.join(), /hush-hush/);
  }
});
