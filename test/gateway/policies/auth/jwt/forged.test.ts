import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair } from 'jose';
import t from 'tap';
import { ask, encoded, ISSUER, keys, now, refused, rigWith, rsa, signed, tokenOf } from './token-rig.ts';

const stranger = await generateKeyPair('RS256', { extractable: true });
const rig = rigWith();
const good = await tokenOf();
const [head = '', payload = '', signature = ''] = good.split('.');
const HEADER = { alg: 'RS256', kid: 'one' };

/** A payload that would be alice's, but for these claims, as JSON text. */
function claims(more: string): string {
  return encoded(`{"iss":"${ISSUER}","aud":"shop","sub":"alice"${more}}`);
}

t.test('none, however it is spelled, is no algorithm', async (t) => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'none ', 'nonе', null, 0, ['none'], { alg: 'none' }]) {
    await refused(t, rig, `${encoded({ alg, kid: 'one' })}.${payload}.${signature}`, /algorithm is not allowed/);
    await refused(t, rig, `${encoded({ alg, kid: 'one' })}.${payload}.`, /malformed/);
  }
  await refused(t, rig, `${encoded({ kid: 'one' })}.${payload}.${signature}`, /algorithm is not allowed/);
});

t.test('a public key is no secret, whatever the header says', async (t) => {
  const pem = await exportSPKI(rsa.publicKey);
  const { kid: _kid, alg: _alg, ...jwk } = keys[0] as object as Record<string, unknown>;
  const secrets = [
    pem,
    pem.trim(),
    pem.replaceAll('\n', ''),
    JSON.stringify(keys[0]),
    JSON.stringify(jwk),
    String(jwk['n']),
  ];
  for (const alg of ['HS256', 'HS384', 'HS512', 'hs256']) {
    for (const secret of secrets) {
      const text = `${encoded({ alg, kid: 'one' })}.${payload}`;
      const mac = createHmac(`sha${alg.slice(2)}`, secret)
        .update(text)
        .digest('base64url');
      await refused(t, rig, `${text}.${mac}`, /algorithm is not allowed/);
    }
  }
  // A key is for the algorithm that it is for: neither for another one of its kind, nor for one of another.
  await refused(t, rig, `${encoded({ alg: 'PS256', kid: 'one' })}.${payload}.${signature}`, /algorithm is not allowed/);
  await refused(t, rig, `${encoded({ alg: 'ES256', kid: 'one' })}.${payload}.${signature}`, /key that is not known/);
});

t.test('kid is a name in the key set, and nothing else', async (t) => {
  const kids = [
    'three',
    '../../etc/passwd',
    '/dev/null',
    "one' OR '1'='1",
    'one; --',
    'http://127.0.0.1:1/jwks.json',
    'One',
    'one ',
    'one\0',
    '__proto__',
    'constructor',
    '*',
    '',
  ];
  for (const kid of kids) await refused(t, rig, signed({ alg: 'RS256', kid }, payload), /key that is not known/);
  for (const kid of [['one'], { one: 1 }, 1, true, null, 'x'.repeat(513)]) {
    await refused(t, rig, signed({ alg: 'RS256', kid }, payload), /malformed/);
  }
  await refused(t, rig, await tokenOf({}, { kid: 'two' }), /key that is not known/);
});

t.test('keys that a token brings along, or points at, are not used', async (t) => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end(JSON.stringify({ keys: [own] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const own = { ...(await exportJWK(stranger.publicKey)), kid: 'one' };
  const jku = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  for (const injected of [{ jwk: own }, { jku }, { x5u: jku }, { jwk: own, jku, x5u: jku, x5t: 'AA', x5c: ['AA=='] }]) {
    await refused(t, rig, await tokenOf({}, injected, stranger.privateKey), /signature is not valid/);
  }
  t.equal(asked, 0);
});

t.test('extensions, tokens within tokens and encrypted ones are refused', async (t) => {
  for (const more of [{ crit: ['x'], x: 1 }, { crit: [] }, { crit: ['exp'], exp: 1 }, { crit: 'b64' }]) {
    await refused(t, rig, signed({ ...HEADER, ...more }, payload), /extensions/);
  }
  for (const b64 of [false, true, null, 'false']) {
    await refused(t, rig, signed({ ...HEADER, b64 }, payload), /extensions/);
    await refused(t, rig, signed({ ...HEADER, b64, crit: ['b64'] }, payload), /extensions/);
  }
  for (const cty of ['JWT', 'jwt', 'application/JWT']) {
    await refused(t, rig, signed({ ...HEADER, cty }, payload), /tokens within tokens/);
  }
  const jwe = encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' });
  await refused(t, rig, `${jwe}.AAAA.AAAA.AAAA.AAAA`, /encrypted tokens are not accepted/);
  await refused(t, rig, `${jwe}..AAAA.AAAA.AAAA`, /encrypted tokens are not accepted/);
  await refused(t, rig, signed({ ...HEADER, enc: 'A256GCM' }, payload), /encrypted/);
});

t.test('what says two things at once is refused, though jose would take the last', async (t) => {
  const exp = `,"exp":${now() + 99}`;
  await refused(t, rig, signed('{"alg":"HS256","alg":"RS256","kid":"one"}', payload), /malformed/);
  await refused(t, rig, signed('{"alg":"RS256","kid":"two","kid":"one"}', payload), /malformed/);
  await refused(t, rig, signed('{"alg":"RS256","kid":"one","\\u0061lg":"RS256"}', payload), /malformed/);
  await refused(t, rig, signed(HEADER, claims(`${exp},"sub":"mallory"`)), /malformed/);
  await refused(t, rig, signed(HEADER, claims(`${exp},"aud":"other","aud":"shop"`)), /malformed/);
  await refused(t, rig, signed(HEADER, claims(`${exp},"a":{"b":1,"b":1}`)), /malformed/);
  await refused(t, rig, signed(HEADER, claims(`${exp},"a":[{"b":[{"c":1,"c":2}]}]`)), /malformed/);
  const twins = `${exp},"a":{"aud":1,"b:\\"b\\\\\\":":{}},"__proto__":{"c":[1,{"d":":"}]},"constructor":1`;
  t.equal((await ask(rig, `Bearer ${signed(HEADER, claims(twins))}`)).client.status, 0, 'names that only look alike');
});

t.test('one token has one spelling', async (t) => {
  // 256 bytes are 341.3 characters: four of the last one's bits are not the signature's.
  const last = signature.at(-1) as string;
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const other = ALPHABET[ALPHABET.indexOf(last) + 1] as string;
  t.same(
    Buffer.from(signature.slice(0, -1) + other, 'base64url'),
    Buffer.from(signature, 'base64url'),
    'the same bytes',
  );
  await refused(t, rig, good.slice(0, -1) + other, /malformed/);
  for (const spelling of [
    `${good}=`,
    `${good}==`,
    `${good} `.trim().replace('.', ' .'),
    `${head}.${payload}.\t${signature}`,
    `${head}=.${payload}.${signature}`,
    good.replaceAll('-', '+').replaceAll('_', '/') === good
      ? `${good}+`
      : good.replaceAll('-', '+').replaceAll('_', '/'),
    `${good}.`,
    `.${good}`,
    `${head}..${signature}`,
    `${head}.${payload}`,
    `${good}.${signature}`,
    `${encodeURIComponent(head)}%2E${payload}.${signature}`,
    'a~b',
    '..',
  ]) {
    await refused(t, rig, spelling, /malformed/);
  }
  await refused(t, rig, `${head}.${payload}.${signature.slice(0, -4)}`, /malformed|signature/);
  await refused(t, rig, `${head}.${payload}.${signature.slice(0, -6)}`, /malformed|signature/);
  await refused(t, rig, `${head}.${payload}.${'A'.repeat(342)}`, /signature/);
  const tail = signature.slice(0, -2);
  await refused(t, rig, `${head}.${payload}.${tail.slice(2)}AA`, /signature|malformed/);
  await refused(
    t,
    rig,
    `${head}.${encoded(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]).toString())}.${signature}`,
    /malformed/,
  );
  await refused(
    t,
    rig,
    `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${payload}.${signature}`,
    /malformed/,
  );
  for (const json of ['[]', 'null', '"x"', '1', '{', '', '{} {}']) {
    await refused(t, rig, `${encoded(json) || 'A'}.${payload}.${signature}`, /malformed/);
    await refused(t, rig, signed(HEADER, encoded(json) || 'A'), /malformed/);
  }
});

t.test('what is too large is not looked at', async (t) => {
  await refused(t, rig, `${head}.${payload}.${'A'.repeat(9_000)}`, /too long/);
  await refused(t, rig, await tokenOf({ pad: 'x'.repeat(7_000) }), /too long/);
  await refused(t, rig, `${encoded({ ...HEADER, pad: 'x'.repeat(3_000) })}.${payload}.${signature}`, /malformed/);
  const deep = `${'['.repeat(2_000)}${']'.repeat(2_000)}`;
  await refused(t, rig, `${head}.${claims(`,"exp":${now() + 99},"a":${deep}`)}.${signature}`, /signature|malformed/);
});

t.test('times are numbers that end', async (t) => {
  for (const exp of [`"${now() + 99}"`, 'null', 'true', '[1]', '{}', '1e999', '""']) {
    await refused(t, rig, signed(HEADER, claims(`,"exp":${exp}`)), /exp is not the one/);
  }
  for (const exp of ['0', '-1', `-${now()}`, String(now() - 31), '1e-9', '-1e999']) {
    await refused(t, rig, signed(HEADER, claims(`,"exp":${exp}`)), /has expired|exp is not the one/);
  }
  const exp = `,"exp":${now() + 99}`;
  for (const nbf of [`"${now()}"`, 'null', '1e999', '-1e999']) {
    await refused(t, rig, signed(HEADER, claims(`${exp},"nbf":${nbf}`)), /nbf is not the one/);
  }
  await refused(t, rig, signed(HEADER, claims(`${exp},"nbf":${now() + 40}`)), /not valid yet/);
  await refused(t, rig, signed(HEADER, claims(`${exp},"iat":"yesterday"`)), /iat is not the one/);
  await refused(t, rig, signed(HEADER, claims('')), /has no exp/);
  t.equal((await ask(rig, `Bearer ${signed(HEADER, claims(`,"exp":${now() + 99}.5,"nbf":-1`))}`)).client.status, 0);
});

t.test('names are compared, not read', async (t) => {
  const token = (said: object) => tokenOf({ ...said });
  for (const aud of [
    'Shop',
    'shop ',
    'shop,other',
    'sho',
    'shopper',
    '',
    ['other'],
    [],
    [['shop']],
    { shop: 1 },
    1,
    null,
  ]) {
    await refused(t, rig, await token({ aud }), /aud is not the one|malformed/);
  }
  for (const iss of [
    `${ISSUER}/`,
    `${ISSUER}.evil`,
    ISSUER.toUpperCase(),
    ` ${ISSUER}`,
    '',
    [ISSUER],
    null,
    undefined,
  ]) {
    await refused(t, rig, await token({ iss }), /iss is not the one/);
  }
  await refused(t, rig, await token({ sub: 'alice\0' }), /consumer is not known/);
  await refused(t, rig, await token({ sub: 'token:alice' }), /consumer is not known/);
});

t.test('two tokens are none', async (t) => {
  await refused(t, rig, `${good}, Bearer ${good}`, /malformed/);
  await refused(t, rig, `${good} ${good}`, /malformed/);
  await refused(t, rig, `id_token="${good}", id_token="${good}"`, /malformed/);
  const { client } = await ask(rig, `Bearer ${good}`, ['authorization', `Bearer ${await tokenOf({ sub: 'bob' })}`]);
  t.match(client.body, /several tokens/);
});

t.test('another signature, another payload', async (t) => {
  const bob = encoded({ iss: ISSUER, aud: 'shop', sub: 'bob', exp: now() + 99 });
  await refused(t, rig, `${head}.${bob}.${signature}`, /signature/);
  await refused(t, rig, await tokenOf({}, {}, stranger.privateKey), /signature/);
});

t.test('after all that, nobody was let in who should not be, and the good token is', async (t) => {
  t.equal(rig.sent.length, 2, 'the two good ones above');
  t.equal((await ask(rig, `Bearer ${good}`)).x.consumer?.name, 'alice');
});
