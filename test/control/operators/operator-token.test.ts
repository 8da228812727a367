import fc from 'fast-check';
import t from 'tap';
import { digestToken, isToken, makeToken } from '../../../src/control/operators/operator-token.ts';

t.test('a token is slo_, 32 random bytes and a checksum, and is known by its digest', async (t) => {
  const one = makeToken();
  const other = makeToken();
  t.match(one.text, /^slo_[A-Za-z0-9_-]{49}$/);
  t.match(one.id, /^tok_[0-9a-f]{12}$/);
  t.equal(one.sha256, digestToken(one.text));
  t.not(one.text, other.text);
  t.not(one.id, other.id);
  t.notMatch(one.text, one.id.slice(4), 'the id says nothing of the token');
});

t.test('a mistyped token is told by its checksum', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 52 }), fc.constantFrom('!', 'A', '_'), (at, character) => {
      const { text } = makeToken();
      const mistyped = `${text.slice(0, at)}${character}${text.slice(at + 1)}`;
      // Six characters of a checksum: one in 2^36 would pass.
      return isToken(text) && (mistyped === text || !isToken(mistyped)) && !isToken(text.slice(1));
    }),
    { numRuns: 50 },
  );
});
