import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { isKnownToUws } from '../../../src/control/config/uws-keys.ts';

t.test('keys of RSA, of the curves of NIST and of Ed25519 are known, and no others', async (t) => {
  const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
  for (const name of ['P-256', 'P-384', 'P-521']) t.ok(isKnownToUws(curve(name)), name);
  for (const name of ['P-224', 'secp256k1', 'brainpoolP256r1']) t.notOk(isKnownToUws(curve(name)), name);
  t.ok(isKnownToUws(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey));
  t.ok(isKnownToUws(generateKeyPairSync('ed25519').privateKey));
  t.notOk(isKnownToUws(generateKeyPairSync('ed448').privateKey));
  t.notOk(isKnownToUws(generateKeyPairSync('rsa-pss', { modulusLength: 1_024 }).privateKey));
});
