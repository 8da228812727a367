import t from 'tap';
import { keyPurpose, unseal } from '../../../../../src/base/sealed.ts';
import { Consumers } from '../../../../../src/gateway/consumers.ts';
import { configOf, issuesOf, shop } from '../../../../control/config/read.ts';
import { compile, TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';
import { sealKey } from '../../../../support/seal-key.ts';

const SERVICE = shop('    policies: [auth: { any: [api-key] }]\n    routes: { a: { match: GET /a } }');

function withKeys(...keys: string[]): string {
  return `${SERVICE}\nconsumers: { alice: { keys: [${keys.join(', ')}] } }`;
}

t.test('a key counts from notBefore until it expires, and two that overlap let a caller change over', async (t) => {
  const rig = new TestPlane();
  const yaml = withKeys(
    '{ id: old, secret: the-old-secret, expires: 2027-02-01 }',
    '{ id: new, secret: the-new-secret, notBefore: "2027-01-31T12:00:00Z" }',
  );
  publishLimits(rig, configOf(yaml), 1);
  const status = (key: string, at: string) => {
    rig.wallMs = () => Date.parse(at);
    const { client, x } = rig.request('GET /a', { headers: ['x-api-key', key] });
    return x.consumer === undefined ? client.status : x.consumer.keyId;
  };
  t.equal(status('the-old-secret', '2027-01-01T00:00:00Z'), 'old');
  t.equal(status('the-new-secret', '2027-01-31T11:59:59.999Z'), 401, 'not yet');
  t.equal(status('the-new-secret', '2027-01-31T12:00:00Z'), 'new');
  t.equal(status('the-old-secret', '2027-01-31T23:59:59.999Z'), 'old', 'both, for half a day');
  t.equal(status('the-old-secret', '2027-02-01T00:00:00Z'), 401, 'though it was remembered as good');
  t.equal(status('the-new-secret', '2037-02-01T00:00:00Z'), 'new');
  rig.wallMs = () => Date.parse('2037-02-01T00:00:00Z');
  t.match(rig.request('GET /a', { headers: ['x-api-key', 'the-old-secret'] }).client.body, /has expired/);
});

t.test('a key that signs is kept sealed, and is no key to send unless it says so', async (t) => {
  const yaml = withKeys(
    '{ id: signs, secret: the-signing-secret, use: [hmac] }',
    '{ id: both, secret: the-secret-of-both, use: [hmac, api-key] }',
  );
  const { arena, summary } = compile(configOf(yaml), 1);
  t.same(
    summary.callerNames.map(([, id]) => id),
    ['signs', 'both', 'both'],
  );
  const consumers = new Consumers(arena);
  t.equal(consumers.byApiKey('the-signing-secret'), undefined);
  t.equal(consumers.byApiKey('the-secret-of-both')?.keyId, 'both');
  for (const [id, secret] of [
    ['signs', 'the-signing-secret'],
    ['both', 'the-secret-of-both'],
  ] as const) {
    const caller = consumers.byCredential('hmac', id);
    t.match(caller, { name: 'alice', keyId: id });
    t.equal(unseal(sealKey, caller?.facts?.sealed ?? new Uint8Array(), keyPurpose('hmac', id)), secret);
  }
  t.equal(consumers.byCredential('hmac', 'none'), undefined);
  t.equal(consumers.byName('signs'), undefined, 'an id is no name');
  const bytes = Buffer.from(new Uint8Array(arena.buffer));
  t.notOk(
    bytes.includes('the-signing-secret') || bytes.includes('the-secret-of-both'),
    'no secret lies in the snapshot',
  );
});

t.test('days that are none, and an end before the beginning, are refused where they stand', async (t) => {
  const issues = (more: string) => issuesOf(withKeys(`{ id: a, secret: some-secret, ${more} }`));
  t.match(issues('expires: 2027-02-30')[0], /keys\[0\]\.expires: is not valid; expected a day or time in UTC/);
  t.match(issues('expires: soon')[0], /keys\[0\]\.expires: is not valid/);
  t.match(issues('notBefore: 2027-01-02, expires: 2027-01-02')[0], /keys\[0\]\.expires: is not after notBefore/);
  t.match(issues('use: [sing]')[0], /use\[0\]: .*did you mean|use\[0\]: is not valid/);
  t.same(issues('expires: 2027-02-28T23:59Z'), []);
});
