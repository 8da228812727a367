import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Consumers } from '../../src/gateway/consumers.ts';
import { buildConfig, buildConsumer } from '../support/build-config.ts';
import { compile } from '../support/plane.ts';

function consumersOf(...consumers: ReturnType<typeof buildConsumer>[]): Consumers {
  return new Consumers(compile(buildConfig({ consumers }), 1).arena);
}

t.test('every key of every consumer is found, and no other', async (t) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,10}$/), { minLength: 1, maxLength: 20 });
  const secret = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);
  const law = fc.property(names, fc.uniqueArray(secret, { minLength: 2, maxLength: 60 }), (names, secrets) => {
    const [absent = '', ...present] = secrets;
    const keys = names.map((name, i) => ({ name, secrets: present.filter((_, s) => s % names.length === i) }));
    const consumers = consumersOf(...keys.map(({ name, secrets }) => buildConsumer(name, ...secrets)));
    // Twice: the second time it is remembered.
    for (let round = 0; round < 2; round++) {
      for (const { name, secrets } of keys) {
        if (secrets.some((secret) => consumers.byApiKey(secret)?.name !== name)) return false;
      }
      if (consumers.byApiKey(absent) !== undefined) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a key beyond ASCII is found by its bytes, which a header brings one by one', async (t) => {
  const consumers = consumersOf(buildConsumer('alice', 'schlüssel-🔑'));
  t.equal(consumers.byApiKey(Buffer.from('schlüssel-🔑', 'utf8').toString('latin1'))?.name, 'alice');
  t.equal(consumers.byApiKey('schlüssel'), undefined);
});

t.test('names of object properties are keys as any other', async (t) => {
  const consumers = consumersOf(buildConsumer('alice', 'secret'));
  for (const key of ['__proto__', 'constructor', 'toString', '']) t.equal(consumers.byApiKey(key), undefined);
});

t.test('a key longer than any that can be configured is not worth a digest', async (t) => {
  const consumers = consumersOf(buildConsumer('alice', 'k'.repeat(512)), buildConsumer('bob', 'k'.repeat(513)));
  t.equal(consumers.byApiKey('k'.repeat(512))?.name, 'alice');
  t.equal(consumers.byApiKey('k'.repeat(513)), undefined);
});

t.test('a consumer is who it is whichever of its keys was presented, and the keys are told apart', async (t) => {
  const config = buildConfig({ consumers: [buildConsumer('bob', 'other'), buildConsumer('alice', 'old', 'new')] });
  const { arena, summary } = compile(config, 1);
  t.same(summary.callerNames, [
    ['bob', 'bob-0', ''],
    ['alice', 'alice-0', ''],
    ['alice', 'alice-1', ''],
  ]);
  arena.writeIndexes('callersAt', [7, 2, 5]);
  const consumers = new Consumers(arena);
  t.match(
    ['old', 'new', 'other'].map((key) => consumers.byApiKey(key)),
    [
      { name: 'alice', caller: 2, keyId: 'alice-0' },
      { name: 'alice', caller: 5, keyId: 'alice-1' },
      { name: 'bob', caller: 7, keyId: 'bob-0' },
    ],
  );
});

t.test('without consumers no key is known', async (t) => {
  t.equal(consumersOf().byApiKey('key'), undefined);
});

t.test('what is curbed counts no more, or no longer, though it was verified before', async (t) => {
  const consumers = consumersOf(buildConsumer('alice', 'revoked', 'shortened', 'kept'));
  for (const key of ['revoked', 'shortened', 'kept']) t.equal(consumers.byApiKey(key)?.name, 'alice');
  const digest = (key: string) => createHash('sha256').update(key).digest();
  consumers.curb(digest('revoked'), 0);
  consumers.curb(digest('shortened'), 5_000);
  consumers.curb(digest('shortened'), 9_000);
  t.equal(consumers.byApiKey('revoked'), undefined);
  t.same(consumers.byApiKey('shortened')?.facts, { untilMs: 5_000 }, 'the stricter one holds');
  t.equal(consumers.byApiKey('kept')?.facts, undefined);
});
