import fc from 'fast-check';
import t from 'tap';
import { readCredentials } from '../../../../../src/gateway/policies/auth/basic/read-credentials.ts';

const encode = (text: string | Buffer): string => Buffer.from(text as string).toString('base64');

t.test('the examples of RFC 7617', async (t) => {
  t.same(readCredentials('QWxhZGRpbjpvcGVuIHNlc2FtZQ=='), { username: 'Aladdin', password: 'open sesame' });
  t.same(readCredentials('dGVzdDoxMjPCow=='), { username: 'test', password: '123£' }, 'UTF-8');
});

t.test('the first colon ends the user; all others are of the password', async (t) => {
  t.same(readCredentials(encode('alice:a:b:')), { username: 'alice', password: 'a:b:' });
  t.same(readCredentials(encode('alice:')), { username: 'alice', password: '' });
  t.same(readCredentials(encode(':secret')), { username: '', password: 'secret' });
});

t.test('what is malformed is told as what it is', async (t) => {
  t.equal(readCredentials(''), 'the credentials are not base64');
  t.equal(readCredentials('QWxh ZGRp'), 'the credentials are not base64');
  t.equal(readCredentials('QWxh-ZGRp'), 'the credentials are not base64');
  t.equal(readCredentials(encode('alice')), 'the credentials have no colon between user and password');
  t.equal(readCredentials(encode('alice:se\ncret')), 'the credentials have control characters');
  t.equal(readCredentials(encode('alice\0:secret')), 'the credentials have control characters');
  t.equal(readCredentials(encode(Buffer.from('test:123\xa3', 'latin1'))), 'the credentials are not UTF-8');
});

t.test('whatever can be typed is read as it was typed, in NFC', async (t) => {
  const typed = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
  fc.assert(
    fc.property(
      typed.filter((user) => !user.includes(':')),
      typed,
      (user, password) => {
        const expected = { username: user.normalize('NFC'), password: password.normalize('NFC') };
        t.same(readCredentials(encode(`${user}:${password}`)), expected);
      },
    ),
    { numRuns: 100 },
  );
});
