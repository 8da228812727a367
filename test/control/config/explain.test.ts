import t from 'tap';
import { configOf, issuesOf } from './read.ts';

const explain = (parts: string) => `version: 1\ngateway: { explain: { ${parts} } }`;
const SECRET = 'a-secret-of-some-length';

t.test('nobody gets an explanation unless it is written who does', async (t) => {
  t.equal(configOf('version: 1').gateway.explain, undefined);
  t.same(configOf(explain('from: ["10.0.0.0/8", "::1"]')).gateway.explain, { from: ['10.0.0.0/8', '::1'], secret: '' });
  t.same(configOf(explain('secret: "${S}"'), { S: SECRET }).gateway.explain, { from: [], secret: SECRET });
});

t.test('what cannot be used is told, and a secret is never shown', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /gateway.explain: allows nobody: it needs from or secret/],
    ['from: []', /gateway.explain: allows nobody/],
    ['from: [localhost]', /explain.from\[0\]: is not valid; expected an IP address or a CIDR block/],
    ['from: "10.0.0.0/8"', /explain.from: is not valid; expected a list/],
    ['secret: too-short', /explain.secret: is not valid; expected 16 to 512 printable/],
    ['secret: "with a space in the middle"', /explain.secret: is not valid/],
    [`secret: [${SECRET}]`, /explain.secret: is not valid/],
    [`secret: ${SECRET}, form: []`, /explain.form: unknown key; expected from or secret; did you mean from/],
  ];
  for (const [text, issue] of wrong) {
    t.match(issuesOf(explain(text)), [issue], text);
    t.notMatch(issuesOf(explain(text)).join(), /too-short|with a space|a-secret/, text);
  }
});

t.test('an explanation for everybody is warned of', async (t) => {
  for (const block of ['0.0.0.0/0', '::/0']) {
    t.match(issuesOf(explain(`from: ["${block}"]`)), [/explain.from\[0\]: warning: lets everybody see/]);
  }
});
