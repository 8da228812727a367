import type { X509Certificate } from 'node:crypto';
import t from 'tap';
import { readPeerCertificate } from '../../../../src/gateway/listener/node/peer-certificate.ts';

function read(subject: string, subjectAltName?: string) {
  return readPeerCertificate({ subject, subjectAltName, fingerprint256: 'AB:CD' } as X509Certificate);
}

t.test("a subject is told as RFC 4514 has it: the certificate's last part first", async (t) => {
  t.same(read('C=DE\nO=Example\\, Inc.\nCN=orders'), {
    subject: 'CN=orders,O=Example\\, Inc.,C=DE',
    names: [],
    fingerprint256: 'AB:CD',
  });
});

t.test('alternative names are told apart by their kind, and what looks like one inside another is none', async (t) => {
  const names = (text: string) => read('CN=a', text).names;
  t.same(names('DNS:a.test, URI:spiffe://a/b, email:a@b.test, IP Address:127.0.0.1'), [
    'DNS:a.test',
    'URI:spiffe://a/b',
    'email:a@b.test',
    'IP Address:127.0.0.1',
  ]);
  t.same(names('URI:"http://a.test/, DNS:admin.test", DNS:b.test'), [
    'URI:http://a.test/, DNS:admin.test',
    'DNS:b.test',
  ]);
  t.same(names('DNS:"a\\"b, DNS:c"'), ['DNS:a"b, DNS:c']);
  t.same(names(''), []);
});
