import fc from 'fast-check';
import t from 'tap';
import { claimAt } from '../../../../../src/gateway/policies/auth/jwt/claim-at.ts';
import { claimLines } from '../../../../../src/gateway/policies/auth/jwt/claim-lines.ts';

const line = (claim: unknown) => claimLines({ claim }, [['x-claim', 'claim']]);

t.test('texts, numbers, switches and lists of them', async (t) => {
  for (const [claim, value] of [
    ['a b', 'a b'],
    ['100%', '100%25'],
    [' a ', '%20a%20'],
    ['é\r\nx-admin: 1', '%C3%A9%0D%0Ax-admin: 1'],
    ['a,b', 'a,b'],
    [7, '7'],
    [false, 'false'],
    [['a', 'b,c', 1], 'a,b%2Cc,1'],
    [[], ''],
  ] as const) {
    t.equal(line(claim), `x-claim: ${value}\r\n`);
  }
  for (const claim of [undefined, null, {}, [{}], [['a']], ['a', null], 'x'.repeat(1_025), 'é'.repeat(200)])
    t.equal(line(claim), '');
});

t.test('whatever a claim says, it is one line, and decoding gives it back', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const written = line(text);
      t.match(written, /^x-claim: (?:[!-~](?:[ -~]*[!-~])?)?\r\n$/);
      return decodeURIComponent(written.slice(9, -2)) === text;
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 10 }), { minLength: 2, maxLength: 8 }), (items) => {
      const values = line(items).slice(9, -2).split(',');
      return JSON.stringify(values.map(decodeURIComponent)) === JSON.stringify(items);
    }),
    { numRuns: 500 },
  );
});

t.test('a claim by its name, or by a path', async (t) => {
  const claims = JSON.parse(
    '{"a":{"b":{"c":1},"d.e":2},"a.b":3,"https://x.example/roles":[4],"list":[5],"__proto__":{"f":6}}',
  );
  for (const [path, value] of [
    ['a.b', 3],
    ['a.b.c', 1],
    ['https://x.example/roles', [4]],
    ['__proto__.f', 6],
  ] as const) {
    t.same(claimAt(claims, path), value, path);
  }
  for (const path of [
    'a.c',
    'a.d.e',
    'list.0',
    'list.length',
    'a.constructor',
    'constructor',
    'toString',
    'a.',
    '.a',
    'z',
  ]) {
    t.equal(claimAt(claims, path), undefined, path);
  }
});
