import { randomBytes } from 'node:crypto';
import t from 'tap';
import { KeyRing } from '../../../src/control/catalog/key-ring.ts';
import { isMistyped, newSecret } from '../../../src/control/catalog/key-secret.ts';
import { encryptionKeys } from '../../../src/control/config/encryption-key-schema.ts';

const hex = () => randomBytes(32).toString('hex');

t.test('the newest key seals, every one unseals, and a sealed secret fits no other id', async (t) => {
  const [old, next] = [hex(), hex()];
  const sealed = new KeyRing([old]).seal('a secret', 'k1');
  const ring = new KeyRing([next, old]);
  t.equal(ring.unseal(sealed, 'k1'), 'a secret');
  t.equal(ring.unseal(sealed, 'k2'), undefined);
  t.equal(ring.isNewest(sealed), false);
  t.equal(ring.isNewest(ring.seal('a secret', 'k1')), true);
  t.equal(new KeyRing([next]).unseal(sealed, 'k1'), undefined);
  t.equal(new KeyRing([]).canSeal, false);
  t.throws(() => new KeyRing([]).seal('a secret', 'k1'));
  t.notOk(Buffer.from(sealed).includes('a secret'));
});

t.test('an encryption key is 32 bytes in either writing, or a text from which they are made', async (t) => {
  const bytes = randomBytes(32);
  const read = (value: unknown) => encryptionKeys().safeParse(value).data;
  t.same(read(bytes.toString('hex')), [bytes.toString('hex')]);
  for (const text of [bytes.toString('base64'), bytes.toString('base64url')])
    t.same(read(text), [bytes.toString('hex')]);
  const [made] = read('x'.repeat(32)) ?? [];
  t.match(made, /^[0-9a-f]{64}$/);
  t.not(made, read('x'.repeat(33))?.[0]);
  t.same(read(''), []);
  t.equal(read(['y'.repeat(32), bytes.toString('hex')])?.length, 2);
  for (const wrong of ['x'.repeat(31), 7, [], ['short'], {}, Array.from({ length: 9 }, () => 'x'.repeat(32))]) {
    t.equal(read(wrong), undefined, JSON.stringify(wrong).slice(0, 20));
  }
});

t.test('a made secret says of itself whether it is whole', async (t) => {
  const secret = newSecret();
  t.match(secret, /^slk_[\w-]{51}$/);
  t.notOk(isMistyped(secret));
  t.notOk(isMistyped('any other text'));
  const other = secret[9] === 'x' ? 'y' : 'x';
  t.ok(isMistyped(secret.slice(0, 9) + other + secret.slice(10)));
  t.ok(isMistyped(secret.slice(0, -1)));
  t.not(newSecret(), secret);
});
