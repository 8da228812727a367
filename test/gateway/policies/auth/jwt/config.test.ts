import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { jwtConfig } from '../../../../../src/gateway/policies/auth/jwt/config.ts';

const base = { issuer: 'https://id.example', audience: 'shop' };
const jwks = 'https://id.example/jwks.json';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = pair.publicKey.export({ format: 'jwk' });

/** @returns what is wrong, with where */
function problem(settings: object): string {
  const parsed = jwtConfig.schema.safeParse(settings);
  if (parsed.success) return '';
  const [issue] = parsed.error.issues;
  const { message, expected } = ((issue as { params?: object }).params ?? {}) as {
    message?: string;
    expected?: string;
  };
  return `${issue?.path.join('.')}: ${message ?? expected ?? issue?.message}`;
}

t.test('defaults', async (t) => {
  t.match(jwtConfig.schema.parse({ ...base, jwks }), {
    place: { in: 'header', name: 'authorization' },
    keys: { kind: 'url', url: jwks },
    issuer: 'https://id.example',
    audiences: ['shop'],
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    skewSeconds: 30,
    required: [],
    scopes: [],
    consumerClaim: 'sub',
    types: [],
    ageSecondsMax: 0,
    defaultConsumer: '',
    groupsClaim: '',
    claimHeaders: [],
  });
  const any = jwtConfig.schema.parse({ issuer: 'any', audience: 'any', secret: 's'.repeat(32), cookie: 'id_token' });
  t.match(any, { issuer: '', audiences: [], algorithms: ['HS256'], place: { in: 'cookie', name: 'id_token' } });
});

t.test('one source of keys, one place, and algorithms that fit', async (t) => {
  t.match(problem(base), /^: has one of jwks, discovery, keys and secret/);
  t.match(problem({ ...base, jwks, keys: [key] }), /has one of/);
  t.match(problem({ ...base, jwks, header: 'X-Token', cookie: 'c' }), /one place/);
  t.match(problem({ ...base, jwks, algorithms: ['RS256', 'HS256'] }), /^algorithms.1: does not go with public keys/);
  t.match(
    problem({ ...base, secret: 's'.repeat(32), algorithms: ['RS256'] }),
    /^algorithms.0: does not go with a secret/,
  );
  t.match(problem({ ...base, secret: 's'.repeat(40), algorithms: ['HS512'] }), /^secret: is shorter than 64/);
  t.match(problem({ ...base, jwks, algorithms: ['none'] }), /^algorithms.0: /);
  t.match(problem({ ...base, jwks, scopes: ['a"b'] }), /^scopes.0: a scope/);
  t.match(problem({ issuer: 'x', jwks }), /^audience/);
});

t.test('keys are fetched over https, or from this machine', async (t) => {
  for (const good of ['http://127.0.0.1:9/k', 'http://localhost/k', 'http://[::1]:1/k']) {
    t.equal(problem({ ...base, jwks: good }), '', good);
  }
  for (const bad of [
    'http://id.example/k',
    'ftp://id.example/k',
    'https://a:b@id.example/k',
    'http://127.0.0.1.evil/k',
    'x',
  ]) {
    t.match(problem({ ...base, jwks: bad }), /^jwks: an https URL/, bad);
  }
});

t.test('keys are public, strong and told apart', async (t) => {
  t.equal(problem({ ...base, keys: [key] }), '');
  t.match(problem({ ...base, keys: [key, key] }), /^keys.1: has the kid of another/);
  t.match(problem({ ...base, keys: [pair.privateKey.export({ format: 'jwk' })] }), /^keys.0: is no public key/);
  t.match(problem({ ...base, keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }), /^keys.0: is no public key/);
  t.match(problem({ ...base, keys: [{ ...key, use: 'enc' }] }), /use is not sig/);
  t.match(problem({ ...base, keys: [{ ...key, x: 'AAAA' }] }), /is not a public key/);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
  t.match(problem({ ...base, keys: [weak] }), /fewer than 2048 bits/);
});

t.test('discovery needs an issuer whose document can be fetched', async (t) => {
  t.match(jwtConfig.schema.parse({ ...base, discovery: true }), { keys: { kind: 'discovery', issuer: base.issuer } });
  t.equal(problem({ ...base, issuer: 'http://127.0.0.1:9/realms/a/', discovery: true }), '');
  for (const issuer of ['id.example', 'any', 'http://id.example', 'https://a:b@id.example', 'https://id.example?a']) {
    t.match(problem({ ...base, issuer, discovery: true }), /^issuer: is no https URL/, issuer);
  }
  t.match(problem({ ...base, jwks, discovery: true }), /has one of/);
  t.equal(problem({ ...base, jwks, discovery: false }), '');
});

t.test('the client may not say what claims say, in no spelling', async (t) => {
  const added: string[] = [];
  const context = { needConsumerNames: () => {}, addCredential: ({ name }: { name: string }) => void added.push(name) };
  const settings = { ...base, jwks, claimsToHeaders: { 'X-User-Id': 'sub', tenant: 'org.tenant' } };
  const plan = jwtConfig.compile(jwtConfig.schema.parse(settings), context as never);
  t.same(plan.claimHeaders, [
    ['x-user-id', 'sub'],
    ['tenant', 'org.tenant'],
  ]);
  t.same(added.sort(), ['tenant', 'x-user-id', 'x-user_id', 'x_user-id', 'x_user_id']);
  const taken = [
    'Authorization',
    'cookie',
    'X-Consumer-Id',
    'a b',
    'transfer-encoding',
    'x-forwarded-for',
    'X-Real-IP',
  ];
  for (const name of [...taken, 'proxy-authorization', 'x-sluice-mirror', 'traceparent', 'x-request-id', 'te']) {
    t.match(problem({ ...base, jwks, claimsToHeaders: { [name]: 'sub' } }), /is no header that may/, name);
  }
});

t.test('types are compared as RFC 7515 says', async (t) => {
  const plan = jwtConfig.schema.parse({ ...base, jwks, types: ['application/AT+JWT'], maxAge: '1h' });
  t.match(plan, { types: ['at+jwt'], ageSecondsMax: 3_600 });
  t.match(problem({ ...base, jwks, types: ['a b'] }), /^types.0: a type/);
});
