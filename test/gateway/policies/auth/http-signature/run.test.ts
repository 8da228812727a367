import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import type { InnerList, Item } from '../../../../../src/base/structured-fields.ts';
import { parseDictionary } from '../../../../../src/base/structured-fields.ts';
import { receiveBody } from '../../../../../src/gateway/pipeline/receive-body.ts';
import { hasDigests } from '../../../../../src/gateway/policies/auth/http-signature/content-digest.ts';
import { VERIFYING_MAX } from '../../../../../src/gateway/policies/auth/http-signature/run.ts';
import { signatureBase } from '../../../../../src/gateway/policies/auth/http-signature/signature-base.ts';
import { isHmacOf, verifyElsewhere } from '../../../../../src/gateway/policies/auth/http-signature/verify-signature.ts';
import { configOf, issuesOf, shop } from '../../../../control/config/read.ts';
import { bareExchange } from '../../../../support/bare-exchange.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';
import * as rfc from './rfc9421.ts';

const SECRET = 'the-secret-of-alice';
const NOW_MS = rfc.CREATED * 1_000;

function yamlWith(method: string, keys: readonly string[]): string {
  const routes = `    policies: [auth: { any: [${method}] }]\n    routes: { all: { match: "ANY /{rest*}" } }`;
  return `${shop(routes)}\nconsumers:\n  alice:\n    keys:\n${keys.map((key) => `      - ${key}`).join('\n')}\n`;
}

function publicKey(id: string, pem: string): string {
  return `{ id: ${id}, use: [http-signature], publicKey: ${JSON.stringify(pem)} }`;
}

function rigWith(method: string, ...keys: string[]): TestPlane {
  const rig = new TestPlane();
  rig.wallMs = () => NOW_MS;
  const all = [
    `{ id: shared, use: [hmac], secret: ${SECRET} }`,
    publicKey('test-key-rsa-pss', rfc.RSA_PSS_KEY),
    publicKey('test-key-ed25519', rfc.ED25519_KEY),
    publicKey('test-key-ecc-p256', rfc.P256_KEY),
    ...keys,
  ];
  publishLimits(rig, configOf(yamlWith(method, all)), 1);
  return rig;
}

/** What the gateway says, once it has looked at signatures elsewhere. */
async function send(rig: TestPlane, line: string, headers: string[], body = '') {
  const bodyLength = Buffer.byteLength(body);
  const { x, client } = rig.request(line, { headers, bodyLength, authority: 'example.com', scheme: 'https' });
  if (bodyLength > 0) receiveBody(x, Buffer.from(body), true);
  for (let turn = 0; turn < 10_000 && rig.plane.parking.count > 0; turn++) await setImmediate();
  const detail = client.body === '' ? '' : String(JSON.parse(client.body).detail);
  return { status: client.status, consumer: x.consumer?.name, keyId: x.consumer?.keyId, detail };
}

const withExample = ({ input, signature }: rfc.Example) => [
  ...rfc.HEADERS,
  ...['signature-input', input, 'signature', signature],
];

/** A signature base and header, written from the rules of the RFC alone. */
function signed(
  lines: readonly (readonly [string, string])[],
  parameters: string,
  make: (base: string) => Buffer,
  label = 'sig1',
): string[] {
  const params = `(${lines.map(([name]) => name).join(' ')})${parameters}`;
  const base = [...lines.map(([name, value]) => `${name}: ${value}`), `"@signature-params": ${params}`].join('\n');
  return ['signature-input', `${label}=${params}`, 'signature', `${label}=:${make(base).toString('base64')}:`];
}

const byHmac = (base: string) => createHmac('sha256', SECRET).update(base).digest();
const byKey = (key: KeyObject) => (base: string) => sign(null, Buffer.from(base), key);
const TARGET = [
  ['"@method"', 'GET'],
  ['"@target-uri"', 'https://example.com/a?b=1'],
] as const;
const PARAMS = `;created=${rfc.CREATED};keyid="shared"`;

t.test('the requests of RFC 9421, appendix B.2, are accepted as they are, and no change of them is', async (t) => {
  const loose = 'http-signature: { components: [], contentDigest: optional }';
  const rig = rigWith(loose);
  const changes: [rfc.Example, string, string][] = [
    [rfc.B21, 'keyid', 'keyid="test-key-ed25519";x'],
    [rfc.B22, 'Pet', 'param'],
    [rfc.B23, '"@method" "@path"', '"@path" "@method"'],
    [rfc.B26, 'content-type', 'content-digest'],
  ];
  for (const [example, from, to] of changes) {
    t.match(
      await send(rig, `POST ${rfc.TARGET}`, withExample(example), rfc.BODY),
      { consumer: 'alice' },
      example.input,
    );
    t.equal(rig.sent.at(-1)?.body, rfc.BODY);
    const changed = { ...example, input: example.input.replace(from, to) };
    t.match(await send(rig, `POST ${rfc.TARGET}`, withExample(changed), rfc.BODY), { status: 401 }, changed.input);
  }
  t.notMatch(rig.sent[0]?.request.headerLines, /signature/, 'no signature is forwarded');
  t.match(rig.sent[0]?.request.headerLines, /content-digest/);
  t.equal(
    (await send(rig, `POST ${rfc.TARGET}`, withExample(rfc.B22), '{"hello": "xorld"}')).status,
    401,
    'its digest is covered',
  );
  t.equal((await send(rig, 'POST /foo?Pet=cat', withExample(rfc.B22), rfc.BODY)).status, 401);
  t.equal((await send(rig, 'POST /foo?Pet=dog&Pet=dog', withExample(rfc.B22), rfc.BODY)).status, 401, 'twice');
  t.equal((await send(rig, 'PUT /foo?param=Value&Pet=dog', withExample(rfc.B23), rfc.BODY)).status, 401);
  const strict = rigWith('http-signature');
  t.match((await send(strict, `POST ${rfc.TARGET}`, withExample(rfc.B21), rfc.BODY)).detail, /does not cover @method/);
  t.match(
    (await send(strict, `POST ${rfc.TARGET}`, withExample(rfc.B26), rfc.BODY)).detail,
    /does not cover @target-uri/,
  );
  t.equal((await send(strict, `POST ${rfc.TARGET}`, withExample(rfc.B23), rfc.BODY)).consumer, 'alice');
});

t.test('its other signatures, of an answer and by a secret of bytes, are verified too', async (t) => {
  const bytesOf = (example: rfc.Example) => Buffer.from(/=:(.*):$/.exec(example.signature)?.[1] ?? '', 'base64');
  const verifyP256 = (base: string) =>
    new Promise((resolve) => {
      verifyElsewhere('ecdsa-p256-sha256', createPublicKey(rfc.P256_KEY), base, bytesOf(rfc.B24), resolve);
    });
  t.equal(await verifyP256(rfc.B24_BASE), true);
  t.equal(await verifyP256(rfc.B24_BASE.replace('200', '201')), false);
  const x = bareExchange({ headers: rfc.HEADERS, method: 'POST', authority: 'example.com', scheme: 'https' });
  const [member] = parseDictionary(rfc.B25.input)?.values() ?? [];
  const base = signatureBase(x, member as InnerList) ?? '';
  const secret = createSecretKey(Buffer.from(rfc.SHARED_SECRET, 'base64'));
  t.ok(isHmacOf(secret, base, bytesOf(rfc.B25)));
  t.notOk(isHmacOf(secret, `${base} `, bytesOf(rfc.B25)));
});

t.test('every algorithm verifies what its key has signed, and no key is taken for another kind', async (t) => {
  const ed = generateKeyPairSync('ed25519');
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = ({ publicKey: key }: { publicKey: KeyObject }) => String(key.export({ format: 'pem', type: 'spki' }));
  const rig = rigWith(
    'http-signature: { algorithms: [hmac-sha256, ed25519, ecdsa-p384-sha384, rsa-v1_5-sha256] }',
    publicKey('ed', pem(ed)),
    publicKey('p384', pem(p384)),
    publicKey('rsa', pem(rsa)),
  );
  const ask = (keyId: string, make: (base: string) => Buffer, alg = '') =>
    send(rig, 'GET /a?b=1', signed(TARGET, `;created=${rfc.CREATED};keyid="${keyId}"${alg && `;alg="${alg}"`}`, make));
  const byP384 = (base: string) =>
    sign('sha384', Buffer.from(base), { key: p384.privateKey, dsaEncoding: 'ieee-p1363' });
  const byRsa = (base: string) => sign('sha256', Buffer.from(base), rsa.privateKey);
  t.equal((await ask('shared', byHmac, 'hmac-sha256')).keyId, 'shared');
  t.equal((await ask('ed', byKey(ed.privateKey), 'ed25519')).keyId, 'ed');
  t.equal((await ask('p384', byP384)).keyId, 'p384');
  t.equal((await ask('rsa', byRsa, 'rsa-v1_5-sha256')).keyId, 'rsa');
  t.equal((await ask('ed', byP384)).detail, 'the signature does not match the request');
  const publicText = (base: string) => createHmac('sha256', pem(rsa)).update(base).digest();
  t.match(
    (await ask('rsa', publicText, 'hmac-sha256')).detail,
    /algorithm is not allowed/,
    'a public key is no secret',
  );
  t.match((await ask('rsa', byRsa, 'rsa-pss-sha512')).detail, /algorithm is not allowed/);
  t.match((await ask('ed', byHmac, 'hmac-sha256')).detail, /algorithm is not allowed/);
  t.match((await ask('nobody', byHmac)).detail, /key is not known/);
  t.equal(rig.sent.length, 4);
});

t.test('times, parameters, labels and tags', async (t) => {
  const rig = rigWith('http-signature: { maxAge: 1m, clockSkew: 5s, tag: mine }');
  const ask = (parameters: string, label?: string) =>
    send(rig, 'GET /a?b=1', signed(TARGET, `${parameters};keyid="shared";tag="mine"`, byHmac, label));
  const at = (seconds: number) => `;created=${rfc.CREATED + seconds}`;
  t.equal((await ask(at(-65))).consumer, 'alice');
  t.match((await ask(at(-66))).detail, /too old/);
  t.equal((await ask(at(5))).consumer, 'alice');
  t.match((await ask(at(6))).detail, /in the future/);
  t.equal((await ask(`${at(0)};expires=${rfc.CREATED - 5}`)).consumer, 'alice');
  t.match((await ask(`${at(0)};expires=${rfc.CREATED - 6}`)).detail, /has expired/);
  t.match((await ask('')).detail, /does not say when/);
  t.match((await ask(`${at(0)};extra=1`)).detail, /parameter that is not known/);
  t.match((await ask(';created="now"')).detail, /malformed/);
  t.match((await send(rig, 'GET /a?b=1', signed(TARGET, PARAMS, byHmac))).detail, /label and tag/);
  const mine = signed(TARGET, `${PARAMS};tag="mine"`, byHmac, 'mine');
  const proxy = signed(TARGET, `;created=${rfc.CREATED};keyid="of-a-proxy";tag="mine"`, byHmac, 'proxy');
  const both = ['signature-input', `${proxy[1]}, ${mine[1]}`, 'signature', `${mine[3]}, ${proxy[3]}`];
  t.equal((await send(rig, 'GET /a?b=1', both)).consumer, 'alice', 'the one by a key that is known');
  const apart = ['signature-input', proxy[1], 'signature-input', mine[1], 'signature', proxy[3], 'signature', mine[3]];
  t.equal((await send(rig, 'GET /a?b=1', apart as string[])).consumer, 'alice');
  t.match((await send(rig, 'GET /a?b=1', mine.slice(0, 2))).detail, /needs both/);
  t.match((await send(rig, 'GET /a?b=1', [...mine.slice(0, 2), 'signature', 'mine=x'])).detail, /malformed/);
  t.match((await send(rig, 'GET /a', [])).detail, /no credential/);
  const labelled = rigWith('http-signature: { label: sig2 }');
  t.match((await send(labelled, 'GET /a?b=1', signed(TARGET, PARAMS, byHmac))).detail, /label and tag/);
  t.equal((await send(labelled, 'GET /a?b=1', signed(TARGET, PARAMS, byHmac, 'sig2'))).consumer, 'alice');
});

t.test('components are said as the RFC says them, and what cannot be said is refused', async (t) => {
  const x = bareExchange({
    method: 'GET',
    rawPath: '/path',
    query:
      '?param=value&foo=bar&baz=bat%20man&qux=&var=this%20is%20a%20big%0Amultiline+value&fa%C3%A7ade%22%3A%20=something',
    authority: 'WWW.Example.com:443',
    scheme: 'https',
    headers: [
      ...['x-lines', ' one ', 'x-lines', 'two', 'priority', 'u=1,  i', 'content-digest', 'sha-256=:AAE=:,a=1'],
      ...['x-empty', ''],
    ],
  });
  const say = (component: string) => {
    const [member] = parseDictionary(`sig=(${component})`)?.values() ?? [];
    return signatureBase(x, member as InnerList)?.split('\n')[0];
  };
  const told: [string, string][] = [
    ['"@authority"', 'www.example.com'],
    ['"@scheme"', 'https'],
    ['"@path"', '/path'],
    ['"@target-uri"', `https://www.example.com/path${x.query}`],
    ['"@request-target"', `/path${x.query}`],
    ['"@query"', x.query],
    ['"@query-param";name="baz"', 'bat%20man'],
    ['"@query-param";name="qux"', ''],
    ['"@query-param";name="var"', 'this%20is%20a%20big%0Amultiline%20value'],
    ['"@query-param";name="fa%C3%A7ade%22%3A%20"', 'something'],
    ['"x-lines"', 'one, two'],
    ['"x-lines";bs', ':b25l:, :dHdv:'],
    ['"x-empty"', ''],
    ['"priority";sf', 'u=1, i'],
    ['"priority";key="u"', '1'],
    ['"content-digest";key="sha-256"', ':AAE=:'],
  ];
  for (const [component, value] of told) t.equal(say(component), `${component}: ${value}`);
  t.equal(
    signatureBase(bareExchange({ query: '' }), { items: [componentOf('@query')], parameters: new Map() })?.split(
      '\n',
    )[0],
    '"@query": ?',
  );
  for (const component of [
    ...['"x-none"', '"X-Lines"', '"@status"', '"@method";req', '"x-lines";tr', '"x-lines";sf', '"x-lines";key="a"'],
    ...['"x-lines";bs;tr', '"priority";key="x"', '"@query-param"', '"@query-param";name="no"', '"@method" "@method"'],
    ...['method', '1', '"x-lines";unknown', '"x-lines";bs=?0', '"a\\"b"'],
  ]) {
    t.equal(say(component), undefined, component);
  }
});

function componentOf(name: string): Item {
  return { item: { kind: 'string', value: name }, parameters: new Map() };
}

t.test('what any client signs is accepted, and what it did not sign is not', async (t) => {
  const rig = rigWith('http-signature: { contentDigest: required }');
  const body = fc.string({ maxLength: 40 });
  const hash = fc.constantFrom('sha256' as const, 'sha512' as const);
  const change = fc.constantFrom('nothing', 'body', 'method', 'path', 'query', 'header');
  const law = fc.asyncProperty(
    body,
    hash,
    fc.stringMatching(/^[a-z0-9~@:-]{0,8}$/),
    change,
    async (sent, algorithm, segment, what) => {
      const path = `/x${segment}?q=${encodeURIComponent(sent)}`;
      const name = algorithm === 'sha256' ? 'sha-256' : 'sha-512';
      const digest = `${name}=:${createHash(algorithm).update(sent).digest('base64')}:`;
      const lines = [
        ['"@method"', 'POST'],
        ['"@authority"', 'example.com'],
        ['"@request-target"', path],
        ['"content-digest"', digest],
        ['"x-one"', 'two'],
      ] as const;
      const headers = [
        'content-digest',
        digest,
        'x-one',
        what === 'header' ? 'three' : 'two',
        ...signed(lines, PARAMS, byHmac),
      ];
      const line = `${what === 'method' ? 'PUT' : 'POST'} ${what === 'path' ? `/y${path}` : path}${what === 'query' ? '1' : ''}`;
      const { consumer, status } = await send(rig, line, headers, what === 'body' ? `${sent}.` : sent);
      return what === 'nothing' ? consumer === 'alice' : consumer === undefined && status === 401;
    },
  );
  await t.resolves(fc.assert(law, { numRuns: 200 }));
});

t.test('a body needs a digest that is signed and known', async (t) => {
  const rig = rigWith('http-signature');
  const lines = [...TARGET.map(([name, value]) => [name, value.replace('GET', 'POST')] as const)];
  t.match((await send(rig, 'POST /a?b=1', signed(lines, PARAMS, byHmac), 'x')).detail, /does not cover content-digest/);
  const md5 = 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:';
  const headers = ['content-digest', md5, ...signed([...lines, ['"content-digest"', md5]], PARAMS, byHmac)];
  t.match((await send(rig, 'POST /a?b=1', headers, 'x')).detail, /none that is known/);
  t.equal(rig.plane.keptBodyBytes, 0);
});

t.test('the digests of RFC 9530, and several of them', async (t) => {
  const body = Buffer.from('{"hello": "world"}\n');
  const sha256 = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:';
  t.ok(hasDigests(body, sha256));
  t.ok(hasDigests(Buffer.alloc(0), 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'));
  t.ok(hasDigests(body, `md5=:AAAA:, ${sha256}`), 'what is not known is passed over');
  t.notOk(hasDigests(body.subarray(1), sha256));
  t.notOk(hasDigests(body, `${sha256}, sha-512=:AAAA:`), 'all that are known have to be right');
  for (const none of ['', 'md5=:AAAA:', 'sha-256="x"', 'sha-256', 'SHA-256=:AAAA:', sha256.replace('=:', '==:')]) {
    t.notOk(hasDigests(body, none), none);
  }
});

t.test('keys are refused where they stand that have not what their use needs', async (t) => {
  const issues = (key: string) => issuesOf(yamlWith('http-signature', [key])).join();
  t.equal(issues(publicKey('a', rfc.P256_KEY)), '');
  t.match(issues('{ id: a, use: [http-signature], secret: some-secret }'), /needs publicKey, and no secret/);
  t.match(issues('{ id: a, use: [hmac] }'), /needs secret, and no publicKey/);
  t.match(issues('{ id: a }'), /needs secret/);
  t.match(issues(publicKey('a', rfc.P256_KEY).replace('[http', '[hmac, http')), /use \[http-signature\] alone/);
  t.match(issues(publicKey('a', 'none')), /publicKey: is not valid; expected a public key \(PEM/);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const told = issues(publicKey('a', pem));
  t.match(told, /publicKey: is not valid/);
  t.notMatch(told, pem.split('\n')[1]);
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  t.match(issues(publicKey('a', String(small.export({ format: 'pem', type: 'spki' })))), /is not valid/);
});

t.test('signatures that are verified elsewhere are bounded; those by secrets go on', async (t) => {
  const rig = rigWith('http-signature: { components: [], contentDigest: optional }');
  const headers = ['signature-input', rfc.B26.input, 'signature', rfc.B26.signature, ...rfc.HEADERS];
  const asked = Array.from({ length: VERIFYING_MAX + 1 }, () => rig.request('GET /a', { headers }));
  t.equal(rig.plane.parking.count, VERIFYING_MAX);
  t.equal(asked.at(-1)?.client.status, 503);
  t.match(asked.at(-1)?.client.body, 'PARKING_FULL');
  const lines = [...TARGET, ['"@path"', '/a']] as const;
  t.equal(
    rig.request('GET /a?b=1', { headers: signed(lines, PARAMS, byHmac), authority: 'example.com', scheme: 'https' }).x
      .consumer?.name,
    'alice',
  );
  for (let turn = 0; turn < 100_000 && rig.plane.parking.count > 0; turn++) await setImmediate();
  t.same(new Set(asked.map(({ client }) => client.status)), new Set([401, 503]), 'another request than was signed');
});
