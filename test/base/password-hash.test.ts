import { scryptSync } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  hashPassword,
  normalizedPassword,
  parsePasswordHash,
  printPasswordHash,
  scryptOptions,
} from '../../src/base/password-hash.ts';

const cheap = { ln: 14, r: 8, p: 1 };

t.test('a hash that another program has made is read as that program means it', async (t) => {
  // The example of passlib's documentation (passlib.hash.scrypt); the password is "password".
  const text = '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E';
  const parsed = parsePasswordHash(text);
  if (parsed === undefined) throw new Error('it is not read');
  t.same(parsed.cost, { ln: 16, r: 8, p: 1 });
  t.same(scryptSync('password', parsed.salt, parsed.hash.length, scryptOptions(parsed.cost)), parsed.hash);
  t.equal(printPasswordHash(parsed), text);
});

t.test('what is printed is read again', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 64 }),
      fc.uint8Array({ minLength: 32, maxLength: 64 }),
      fc.constantFrom({ ln: 13, r: 8, p: 10 }, { ln: 14, r: 8, p: 1 }, { ln: 17, r: 8, p: 1 }),
      (salt, hash, cost) => {
        const whole = { cost, salt: Buffer.from(salt), hash: Buffer.from(hash) };
        t.same(parsePasswordHash(printPasswordHash(whole)), whole);
      },
    ),
    { numRuns: 50 },
  );
});

t.test('what is too weak, too dear, or no such hash is not read', async (t) => {
  const with_ = (cost: string) => `$scrypt$${cost}$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E`;
  t.ok(parsePasswordHash(with_('ln=15,r=8,p=1')));
  for (const text of [
    with_('ln=10,r=8,p=1'),
    with_('ln=13,r=8,p=1'),
    with_('ln=18,r=8,p=1'),
    with_('ln=17,r=8,p=2'),
    with_('ln=15,r=0,p=1'),
    with_('r=8,ln=15,p=1'),
    '$scrypt$ln=15,r=8,p=1$aM15$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
    '$scrypt$ln=15,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh',
    '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW',
    'secret',
    '',
  ]) {
    t.equal(parsePasswordHash(text), undefined, text);
  }
});

t.test('each hash has a salt of its own, and both spellings of a letter are one password', async (t) => {
  const first = hashPassword('p\u00e4sswort', cheap);
  t.not(hashPassword('p\u00e4sswort', cheap), first);
  const parsed = parsePasswordHash(first);
  if (parsed === undefined) throw new Error('it is not read');
  const typed = normalizedPassword('pa\u0308sswort');
  t.same(scryptSync(typed, parsed.salt, parsed.hash.length, scryptOptions(parsed.cost)), parsed.hash);
});
