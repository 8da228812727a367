import t from 'tap';
import { ADMIT } from '../../../../../src/gateway/pipeline/errors.ts';
import { TokenCache, type TokenRecord } from '../../../../../src/gateway/policies/auth/jwt/token-cache.ts';

function recordOf(verifier: object): TokenRecord {
  return {
    verifier,
    keysVersion: 0,
    untilMs: 1,
    verdict: ADMIT,
    detail: '',
    issuer: '',
    name: 'a',
    claims: {},
    scopes: [],
    groups: [],
    headerLines: '',
    epoch: 0,
    caller: undefined,
  };
}

t.test('it is bounded in number and in characters, and the oldest go first', async (t) => {
  const verifier = {};
  const cache = new TokenCache(10, 100);
  for (let n = 0; n < 1_000; n++) {
    cache.put(`t${n}`, recordOf(verifier));
    if (cache.count > 10) t.fail('too many');
  }
  t.equal(cache.find('t989', verifier), undefined);
  t.ok(cache.find('t990', verifier));
  t.equal(cache.chars, 40);
  cache.put('x'.repeat(90), recordOf(verifier));
  t.ok(cache.chars <= 100 && cache.find('x'.repeat(90), verifier) !== undefined);
  cache.put('y'.repeat(200), recordOf(verifier));
  t.same([cache.count, cache.chars], [0, 0], 'what does not fit at all is not kept');
});

t.test('each verifier has a word of its own, and few of them for one token', async (t) => {
  const cache = new TokenCache(10, 100);
  const verifiers = Array.from({ length: 20 }, (_, n) => ({ n }));
  for (const verifier of verifiers) {
    cache.put('t', recordOf(verifier));
    cache.put('t', recordOf(verifier));
  }
  t.equal(verifiers.filter((verifier) => cache.find('t', verifier) !== undefined).length, 8);
  t.equal(cache.find('t', verifiers[19] as object)?.verifier, verifiers[19]);
  t.same([cache.count, cache.chars], [8, 8]);
});

t.test('a token with the tail of another is another', async (t) => {
  const verifier = {};
  const cache = new TokenCache(100, 100_000);
  const tail = 's'.repeat(40);
  cache.put(`good.${tail}`, recordOf(verifier));
  t.equal(cache.find(`evil.${tail}`, verifier), undefined);
  for (let n = 0; n < 50; n++) cache.put(`bad${n}.${tail}`, recordOf(verifier));
  t.equal(cache.count, 8);
  t.ok(cache.find(`bad49.${tail}`, verifier));
});
