import t from 'tap';
import type { PeerCertificate } from '../../../../../src/gateway/pipeline/exchange.ts';
import { configOf, issuesOf } from '../../../../control/config/read.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';
import { tlsText } from '../../../../support/tls-files.ts';

const FINGERPRINT = 'AB'.repeat(32);
const files = {
  read: (path: string) => ({ ok: true as const, value: tlsText(path as Parameters<typeof tlsText>[0]) }),
};

function yamlOf(certificates: string, auth = 'any: [mtls, api-key]', listen = 'clientCa: ca.crt, clientAuth: request') {
  return `version: 1
gateway: { listen: { address: "127.0.0.1:0", engine: node, tls: { cert: server.crt, key: server.key${listen === '' ? '' : `, ${listen}`} } } }
upstreams: { main: { targets: ["http://127.0.0.1:9001"] } }
services: { shop: { upstream: main, policies: [auth: { ${auth} }], routes: { a: { match: GET /a } } } }
consumers:
  billing: { certificates: [${certificates}], keys: [{ id: k, secret: some-secret }] }
  other: { keys: [{ id: o, secret: other-secret }] }
`;
}

function rigWith(certificates: string, auth?: string): TestPlane {
  const rig = new TestPlane();
  publishLimits(rig, configOf(yamlOf(certificates, auth), {}, files), 1);
  return rig;
}

function certificate(parts: Partial<PeerCertificate> = {}): PeerCertificate {
  return { subject: 'CN=nobody', names: [], fingerprint256: '00:'.repeat(31).concat('00'), ...parts };
}

function whoIs(rig: TestPlane, peerCertificate?: PeerCertificate, headers: string[] = []) {
  const { x, client } = rig.request('GET /a', { headers, ...(peerCertificate !== undefined && { peerCertificate }) });
  return x.consumer === undefined
    ? `${client.status} ${/"detail":"([^"]*)"/.exec(client.body)?.[1]}`
    : x.consumer.keyId;
}

t.test('a consumer is found by what its certificate says, whichever of it was written down', async (t) => {
  const says: readonly (readonly [string, Partial<PeerCertificate>])[] = [
    ['dns: Billing.shop.example', { names: ['DNS:other.example', 'DNS:billing.SHOP.example'] }],
    ['uri: "spiffe://shop.example/billing"', { names: ['URI:spiffe://shop.example/billing'] }],
    ['email: billing@shop.example', { names: ['email:billing@shop.example'] }],
    ['subject: "CN=billing,O=Shop"', { subject: 'CN=billing,O=Shop' }],
    [`fingerprint: "${FINGERPRINT.toLowerCase()}"`, { fingerprint256: FINGERPRINT.match(/../g)?.join(':') ?? '' }],
  ];
  for (const [written, shown] of says) {
    const rig = rigWith(`{ id: c1, ${written} }`);
    t.equal(whoIs(rig, certificate(shown)), 'mtls:c1', written);
    t.equal(whoIs(rig, certificate()), '401 the certificate is of no consumer', written);
  }
});

t.test('a name is none of another kind', async (t) => {
  const rig = rigWith('{ id: c1, dns: billing.example }');
  for (const shown of [
    { names: ['URI:billing.example'] },
    { names: ['email:billing.example'] },
    { subject: 'billing.example' },
    { subject: 'DNS:billing.example' },
    { names: ['DNS:a.billing.example'] },
  ]) {
    t.equal(whoIs(rig, certificate(shown)), '401 the certificate is of no consumer');
  }
});

t.test(
  'without a certificate another method of the list may speak, and all of a list are the same consumer',
  async (t) => {
    const any = rigWith('{ id: c1, dns: a.example }');
    t.equal(whoIs(any), '401 no credential was presented');
    t.equal(whoIs(any, undefined, ['x-api-key', 'some-secret']), 'k');
    const all = rigWith('{ id: c1, dns: a.example }', 'all: [mtls, api-key]');
    const shown = certificate({ names: ['DNS:a.example'] });
    t.equal(whoIs(all, shown, ['x-api-key', 'some-secret']), 'mtls:c1');
    t.equal(whoIs(all, shown, ['x-api-key', 'other-secret']), '401 the credentials are of two consumers');
    t.equal(whoIs(all, shown), '401 no credential was presented');
  },
);

t.test('what is known of a certificate ends with its time and with its snapshot', async (t) => {
  const rig = rigWith('{ id: c1, dns: a.example, notBefore: 2027-01-01, expires: 2027-02-01 }');
  const shown = certificate({ names: ['DNS:a.example'] });
  rig.wallMs = () => Date.parse('2027-01-15');
  t.equal(whoIs(rig, shown), 'mtls:c1');
  rig.wallMs = () => Date.parse('2027-02-01');
  t.equal(whoIs(rig, shown), '401 the certificate is not accepted any more, or not yet');
  rig.wallMs = () => Date.parse('2027-01-15');
  publishLimits(rig, configOf(yamlOf('{ id: c2, dns: b.example }'), {}, files), 2);
  t.equal(whoIs(rig, shown), '401 the certificate is of no consumer');
});

t.test('what cannot be used is told with its place', async (t) => {
  const issues = (certificates: string, listen?: string) =>
    issuesOf(yamlOf(certificates, undefined, listen), {}, files);
  t.match(issues('{ id: c1 }')[0], /certificates\[0\]: has one of dns, uri, email, subject and fingerprint/);
  t.match(issues('{ id: c1, dns: a, uri: b }')[0], /certificates\[0\]: has one of/);
  t.match(issues('{ id: c1, dns: "*.example" }')[0], /certificates\[0\]\.dns: is not valid/);
  t.match(issues('{ id: c1, fingerprint: "AB" }')[0], /certificates\[0\]\.fingerprint: is not valid/);
  t.match(issues('{ id: c1, dns: a }, { id: c1, dns: A }'), [/has the same id as/, /has the same subject or name as/]);
  t.match(issues('{ id: c1, dns: a }', '')[0], /auth\.any\[0\]\.mtls: needs a listener that asks for certificates/);
  t.same(issues('{ id: c1, dns: a }'), []);
});
