import fc from 'fast-check';
import t from 'tap';
import { ANY_ONE, ANY_RUN } from '../../../src/gateway/permissions/permission-plan.ts';
import { readPattern } from '../../../src/gateway/permissions/read-pattern.ts';
import { Wildcard } from '../../../src/gateway/permissions/wildcard.ts';
import { naiveMatch } from './reference.ts';

function wildcardOf(pattern: string): Wildcard {
  const parts = readPattern(pattern, { hasWildcards: true, hasVariables: false });
  if (!parts.ok) throw new Error(parts.error);
  return new Wildcard(parts.value as ConstructorParameters<typeof Wildcard>[0]);
}

t.test('a pattern matches what the naive matcher says', async (t) => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 10 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 14 });
  let matched = 0;
  fc.assert(
    fc.property(pattern, text, (pattern, text) => {
      const matches = wildcardOf(pattern).matches(text);
      if (matches) matched++;
      return matches === naiveMatch(pattern, text);
    }),
    { numRuns: 20_000 },
  );
  t.ok(matched > 500, `${matched} of them match`);
});

t.test('what stands between two * may be longer than a word of bits', async () => {
  const unit = fc.constantFrom('a', 'b', '?');
  const pieces = fc.array(fc.string({ unit, minLength: 20, maxLength: 100 }), { minLength: 1, maxLength: 3 });
  const filler = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 });
  fc.assert(
    fc.property(pieces, fc.array(filler, { minLength: 4, maxLength: 4 }), fc.boolean(), (pieces, fillers, isBroken) => {
      const text = fillers.map((each, n) => each + (pieces[n] ?? '').replaceAll('?', isBroken ? 'c' : 'a')).join('');
      const pattern = `*${pieces.join('*')}*`;
      return wildcardOf(pattern).matches(text) === slowSearch(pieces, text);
    }),
    { numRuns: 2_000 },
  );
});

/** Each piece at its first place behind the one before. */
function slowSearch(pieces: readonly string[], text: string): boolean {
  let from = 0;
  for (const piece of pieces) {
    const found = new RegExp(piece.replaceAll('?', '.'), 'g');
    found.lastIndex = from;
    if (!found.test(text)) return false;
    from = found.lastIndex;
  }
  return true;
}

t.test('a text of any size is looked at once: no pattern makes it slow', async (t) => {
  const text = 'a'.repeat(200_000);
  const wildcard = wildcardOf(`${'*aaaaaaaaaaaaaaaaaaaa'.repeat(10)}${`*${'a'.repeat(200)}b`}*`);
  const startMs = performance.now();
  t.notOk(wildcard.matches(text));
  // Some 5 ms; whoever tries every way to place eleven pieces does not come to an end.
  t.ok(performance.now() - startMs < 1_000);
});

t.test('wildcards cross slashes and colons, as in IAM', async (t) => {
  t.ok(wildcardOf('service/*').matches('service/shop/route/get-order'));
  t.ok(wildcardOf('service/*/get-*').matches('service/shop/route/get-order'));
  t.ok(wildcardOf('service/????/*').matches('service/shop/route/a'));
  t.notOk(wildcardOf('service/???/*').matches('service/shop/route/a'));
  t.notOk(wildcardOf('service/Shop/*').matches('service/shop/route/a'));
});

t.test('a pattern is read as its parts, with one * for several in a row', async (t) => {
  t.same(readPattern('a**?b', { hasWildcards: true, hasVariables: true }), {
    ok: true,
    value: ['a', ANY_RUN, ANY_ONE, 'b'],
  });
  t.same(readPattern("${*}/${sluice:consumer}${aws:SourceIp, 'none'}", { hasWildcards: true, hasVariables: true }), {
    ok: true,
    value: ['*/', { key: 'sluice:consumer' }, { key: 'sluice:sourceIp', fallback: 'none' }],
  });
  t.same(readPattern('a*${x', { hasWildcards: false, hasVariables: false }), { ok: true, value: ['a*${x'] });
});
