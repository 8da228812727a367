import fc from 'fast-check';
import t from 'tap';
import { readCookie } from '../../../src/gateway/conditions/read-parameter.ts';
import { bareExchange } from '../../support/bare-exchange.ts';

function read(name: string, ...cookies: readonly string[]): string | undefined {
  return readCookie(bareExchange({ headers: ['x', 'a=0', ...cookies.flatMap((value) => ['cookie', value])] }), name);
}

t.test('a cookie is found by its whole name, the first of that name', async (t) => {
  t.equal(read('a', 'a=1'), '1');
  t.equal(read('a', 'b=2; a=1; a=3'), '1');
  t.equal(read('a', 'aa=2;xa=3;a=1'), '1', 'without the space, too');
  t.equal(read('a', 'b=a=9; a=1'), '1', 'not within a value');
  t.equal(read('a', 'b=2', 'a=1'), '1', 'in another line');
  t.equal(read('a', 'a="q=1"; b=2'), 'q=1', 'without its quotes');
  t.equal(read('a', 'a=; b=2'), '');
  for (const cookies of ['', 'a', 'a; b=1', 'ab=1', 'b=a', 'a =1']) t.equal(read('a', cookies), undefined, cookies);
});

t.test('what is found is what a list of pairs says', async (t) => {
  const name = fc.constantFrom('a', 'b', 'ab', 'ba', 'aa');
  const value = fc.string({ unit: fc.constantFrom('a', 'b', '=', '1'), minLength: 1, maxLength: 4 });
  const law = fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), name, (pairs, wanted) => {
    const expected = pairs.find(([each]) => each === wanted)?.[1];
    return read(wanted, pairs.map((pair) => pair.join('=')).join('; ')) === expected;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});
