import fc from 'fast-check';
import t from 'tap';
import { keyPurpose, SEAL_KEY_BYTES, seal, unseal } from '../../src/base/sealed.ts';

const key = new Uint8Array(SEAL_KEY_BYTES).fill(1);

t.test('what was sealed is unsealed with its key and for its purpose, and shows nowhere in between', async (t) => {
  const law = fc.property(fc.string({ minLength: 4 }), fc.string(), (secret, id) => {
    const sealed = seal(key, secret, keyPurpose('hmac', id));
    return (
      unseal(key, sealed, keyPurpose('hmac', id)) === secret &&
      !Buffer.from(sealed).includes(Buffer.from(secret, 'utf8'))
    );
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('another key, another purpose, a changed or shortened byte: nothing is unsealed', async (t) => {
  const sealed = seal(key, 'a secret', 'one');
  t.equal(unseal(new Uint8Array(SEAL_KEY_BYTES).fill(2), sealed, 'one'), undefined);
  t.equal(unseal(key, sealed, 'another'), undefined);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    t.equal(unseal(key, changed, 'one'), undefined, `byte ${at}`);
    t.equal(unseal(key, sealed.subarray(0, at), 'one'), undefined, `${at} bytes`);
  }
});

t.test('the same secret is never sealed twice alike', async (t) => {
  t.notSame(seal(key, 'a secret', 'one'), seal(key, 'a secret', 'one'));
});
