import t from 'tap';
import type { Exchange } from '../../../../src/gateway/pipeline/exchange.ts';
import { NonceOutcome, nonceTableLayout } from '../../../../src/shm/nonce-table.ts';
import { SharedMemory } from '../../../../src/shm/shared-memory.ts';
import { configOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';
import { signedHeaders } from './hmac/signer.ts';

const SECRET = 'the-secret-of-alice';
const NOW_MS = Date.parse('2026-03-01T00:00:00Z');

const yamlOf = (auth: string, redis = '') => `${shop(
  `    policies: [auth: ${auth}]\n    routes: { a: { match: GET /a } }`,
  redis === '' ? '' : `gateway: { redis: "${redis}" }\n`,
)}
consumers:
  alice: { keys: [{ id: one, secret: ${SECRET}, use: [hmac] }, { id: two, secret: another-secret, use: [hmac] }, { id: sent, secret: a-key-to-send }] }`;

/** Two workers of one process. */
function rigsWith(auth: string, redis = ''): readonly [TestPlane, TestPlane] {
  const shm = SharedMemory.create(2, 1, 2);
  const rigs = [new TestPlane([], shm, 0), new TestPlane([], shm, 1)] as const;
  rigs[1].clock.us = rigs[0].clock.us;
  for (const rig of rigs) rig.wallMs = () => NOW_MS;
  publishLimits(rigs[0], configOf(yamlOf(auth, redis)), 1);
  publishLimits(rigs[1], configOf(yamlOf(auth, redis)), 1);
  return rigs;
}

function headersWith(nonce: string, id = 'one', secret = SECRET, signsNonce = true, atMs = NOW_MS): string[] {
  const date = ['x-date', new Date(atMs).toUTCString()] as const;
  const own = ['x-apigw-nonce', nonce] as const;
  return signsNonce ? signedHeaders(id, secret, [date, own]) : [...own, ...signedHeaders(id, secret, [date])];
}

function ask(rig: TestPlane, headers: string[]) {
  const { x, client } = rig.request('GET /a', { headers });
  return { x, client, told: toldOf(x, client) };
}

function toldOf(x: Exchange, client: { body: string }): string {
  return client.body === '' ? (x.consumer?.name ?? 'waits') : String(JSON.parse(client.body).detail);
}

const HMAC = '{ any: [{ hmac: { nonce: {} } }] }';

t.test('a nonce counts once for its key, whichever worker it comes to', async (t) => {
  const [one, other] = rigsWith(HMAC);
  t.equal(ask(one, headersWith('n1')).told, 'alice');
  t.equal(ask(other, headersWith('n1')).told, 'the nonce was used before');
  t.equal(ask(one, headersWith('n1')).client.status, 401);
  t.equal(ask(other, headersWith('n1', 'two', 'another-secret')).told, 'alice', 'another key has nonces of its own');
  t.equal(ask(other, headersWith('n2')).told, 'alice');
  const wrong = headersWith('n3').map((each) => each.replace(/signature="./, 'signature="*'));
  t.equal(ask(one, wrong).told, 'HMAC signature does not match.');
  t.equal(ask(one, headersWith('n3')).told, 'alice', 'a bad signature uses no nonce');
  const { nonces } = one.shm;
  t.equal(nonces.countOf(NonceOutcome.ACCEPTED), 4);
  t.equal(nonces.countOf(NonceOutcome.REPLAYED), 2);
});

t.test('it is remembered for its ttl, and for as long as the signature would be accepted', async (t) => {
  const [rig] = rigsWith('{ any: [{ hmac: { skew: 10m, nonce: { ttl: 1m } } }] }');
  const pass = (ms: number) => {
    rig.clock.us += ms * 1_000;
    const nowMs = rig.wallMs() + ms;
    rig.wallMs = () => nowMs;
  };
  const early = headersWith('n1', 'one', SECRET, true, NOW_MS + 600_000);
  t.equal(ask(rig, early).told, 'alice');
  pass(1_199_000);
  t.equal(ask(rig, early).told, 'the nonce was used before', 'its signature is good for 20 minutes');
  pass(2_000);
  t.match(ask(rig, early).told, /out of date/);
  const late = headersWith('n1', 'one', SECRET, true, rig.wallMs());
  t.equal(ask(rig, late).told, 'alice');
});

t.test('a nonce has to be there, and signed, unless it is said otherwise', async (t) => {
  const [strict] = rigsWith(HMAC);
  const none = signedHeaders('one', SECRET, [['x-date', new Date(NOW_MS).toUTCString()]]);
  t.match(ask(strict, none).told, 'a valid x-apigw-nonce header is required.');
  t.match(ask(strict, headersWith('n', 'one', SECRET, false)).told, 'a valid x-apigw-nonce header is required.');
  t.match(ask(strict, headersWith('n'.repeat(257))).told, /more than 256 characters/);
  const [loose] = rigsWith('{ any: [{ hmac: { nonce: { required: false, signed: false } } }] }');
  t.equal(ask(loose, none).told, 'alice');
  t.equal(ask(loose, none).told, 'alice');
  t.equal(ask(loose, headersWith('n', 'one', SECRET, false)).told, 'alice');
  t.match(ask(loose, headersWith('n', 'one', SECRET, false)).told, 'the nonce was used before');
  const [renamed] = rigsWith('{ any: [{ hmac: { errors: legacy, nonce: { header: X-Once } } }] }');
  const own = signedHeaders('one', SECRET, [
    ['x-date', new Date(NOW_MS).toUTCString()],
    ['x-once', '1'],
  ]);
  t.equal(ask(renamed, own).told, 'alice');
  t.equal(ask(renamed, own).client.status, 403);
});

t.test('a full table refuses, and is counted', async (t) => {
  const [rig] = rigsWith(HMAC);
  const words = new Int32Array(rig.shm.nonces.buffer);
  const { headerBytes, pageBytes, entriesPerPage, page, entryBytes } = nonceTableLayout;
  for (let p = 0; p < rig.shm.nonces.pageCount; p++) {
    const first = (headerBytes + p * pageBytes + page.entries) / 4;
    for (let e = 0; e < entriesPerPage; e++) words[first + (e * entryBytes) / 4 + 2] = 0x7fffffff;
  }
  const { client, told } = ask(rig, headersWith('n1'));
  t.equal(client.status, 503);
  t.match(client.body, 'AUTH_UNAVAILABLE');
  t.match(told, /as many nonces are remembered/);
  t.equal(rig.shm.nonces.countOf(NonceOutcome.FULL), 1);
});

t.test('where instances share a store, it decides, while the request waits', async (t) => {
  const [one, other] = rigsWith(HMAC, 'redis://127.0.0.1:1');
  const first = ask(one, headersWith('n1'));
  t.equal(first.told, 'waits');
  t.equal(ask(other, headersWith('n1')).told, 'the nonce was used before', 'this instance needs no store for that');
  t.equal(other.nonceQuestions.length, 0);
  const [number, digest, ttlMs] = one.nonceQuestions[0] ?? [0, '', 0];
  t.match(digest, /^[\w-]{32}$/);
  t.equal(ttlMs, 900_000);
  one.plane.askedNonces.receive([number, true]);
  t.equal(first.x.consumer?.name, 'alice');
  t.equal(one.sent.length, 1);
  const used = ask(one, headersWith('n2'));
  one.plane.askedNonces.receive([one.nonceQuestions[1]?.[0] ?? 0, false]);
  t.match(used.client.body, 'the nonce was used before');
  const lost = ask(one, headersWith('n3'));
  one.plane.askedNonces.receive([one.nonceQuestions[2]?.[0] ?? 0, undefined]);
  t.equal(lost.client.status, 503);
  t.match(lost.client.body, 'nonces cannot be looked up for now');
  const late = ask(one, headersWith('n4'));
  one.pass(80);
  t.match(late.client.body, 'nonces cannot be looked up for now', 'no answer in time is none');
  one.plane.askedNonces.receive([one.nonceQuestions[3]?.[0] ?? 0, true]);
  t.equal(one.sent.length, 1);
  t.equal(one.shm.nonces.countOf(NonceOutcome.LOST), 2);
  t.equal(one.plane.parking.count, 0);
});

t.test('onStoreLoss: local believes what this instance remembers', async (t) => {
  const [rig] = rigsWith('{ any: [{ hmac: { nonce: { onStoreLoss: local } } }] }', 'redis://127.0.0.1:1');
  const { x } = ask(rig, headersWith('n1'));
  rig.plane.askedNonces.receive([rig.nonceQuestions[0]?.[0] ?? 0, undefined]);
  t.equal(x.consumer?.name, 'alice');
  t.equal(ask(rig, headersWith('n1')).told, 'the nonce was used before');
});

t.test('a request that is looked at again by all its methods uses its nonce once', async (t) => {
  const both = '{ all: [{ hmac: { nonce: {} } }, { http-signature: { nonce: {}, components: [] } }] }';
  const [rig] = rigsWith(both, 'redis://127.0.0.1:1');
  const { createHmac } = await import('node:crypto');
  const params = `();created=${NOW_MS / 1_000};keyid="two";nonce="n1"`;
  const signature = createHmac('sha256', 'another-secret').update(`"@signature-params": ${params}`).digest('base64');
  const headers = [...headersWith('n1'), 'signature-input', `s=${params}`, 'signature', `s=:${signature}:`];
  const { x } = ask(rig, headers);
  rig.plane.askedNonces.receive([rig.nonceQuestions[0]?.[0] ?? 0, true]);
  t.equal(x.consumer?.keyId === undefined || rig.sent.length === 0, true, 'the other method waits, too');
  rig.plane.askedNonces.receive([rig.nonceQuestions[1]?.[0] ?? 0, true]);
  t.equal(rig.nonceQuestions.length, 2);
  t.equal(x.consumer?.name, 'alice');
  t.equal(rig.sent.length, 1);
  t.equal(rig.shm.nonces.countOf(NonceOutcome.ACCEPTED), 2);
});
