import t from 'tap';
import {
  ADDRESS_FAILURES_MAX,
  FAILED_TOTAL_MAX,
  TOTAL_FAILURES_MAX,
} from '../../../../../src/gateway/policies/auth/jwt/token-failures.ts';
import { ask, ec, forged, rigWith, tokenOf } from './token-rig.ts';

t.test('an address with too many bad signatures is refused what is not known, and keeps what is', async (t) => {
  const rig = rigWith({}, ['api-key']);
  const known = await tokenOf({ seat: 1 });
  const fresh = await tokenOf({ seat: 2 });
  const from = { peerAddress: '192.0.2.7' };
  t.equal((await ask(rig, `Bearer ${known}`, [], from)).client.status, 0);
  for (let n = 0; n < ADDRESS_FAILURES_MAX; n++) {
    rig.pass(10);
    t.equal((await ask(rig, `Bearer ${forged(known, n)}`, [], from)).client.status, 401);
  }
  const { client } = await ask(rig, `Bearer ${fresh}`, [], from);
  t.equal(client.status, 429);
  t.match(client.body, 'TOO_MANY_FAILURES');
  const retryAfter = Number(client.headers[client.headers.indexOf('retry-after') + 1]);
  t.ok(retryAfter > 0 && retryAfter <= 10, `${retryAfter}`);
  t.equal((await ask(rig, 'Bearer not-even.a.token', [], from)).client.status, 429);
  t.equal((await ask(rig, `Bearer ${known}`, [], from)).client.status, 0, 'what is known');
  t.equal((await ask(rig, `Bearer ${forged(known, 1)}`, [], from)).client.status, 401, 'what is known to be bad');
  t.equal((await ask(rig, '', ['x-api-key', 'alice-secret'], from)).client.status, 0, 'what is no token');
  t.equal((await ask(rig, `Bearer ${fresh}`, [], { peerAddress: '192.0.2.8' })).client.status, 0, 'everybody else');
  rig.pass(retryAfter * 1_000);
  t.equal((await ask(rig, `Bearer ${await tokenOf({ seat: 3 })}`, [], from)).client.status, 0, 'afterwards');
});

t.test('so many from everywhere that for the rest of a moment it is the turn of others', async (t) => {
  const rig = rigWith();
  const known = await tokenOf({ seat: 1 });
  const fresh = async (seat: number, peerAddress: string) =>
    (await ask(rig, `Bearer ${await tokenOf({ seat })}`, [], { peerAddress })).client;
  await ask(rig, `Bearer ${known}`);
  const fail = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await ask(rig, `Bearer ${forged(known, n)}`, [], { peerAddress: `192.0.2.${n}` });
  };
  await fail(0, FAILED_TOTAL_MAX);
  const refused = await fresh(2, '192.0.2.3');
  t.match([refused.status, refused.body], [503, 'PARKING_FULL']);
  t.match(refused.headers.join(), 'retry-after,1');
  t.equal((await fresh(3, '198.51.100.1')).status, 0, 'an address that has not failed');
  await fail(FAILED_TOTAL_MAX, TOTAL_FAILURES_MAX);
  t.equal((await fresh(4, '198.51.100.1')).status, 503, 'not even that');
  t.equal((await ask(rig, `Bearer ${known}`, [], { peerAddress: '192.0.2.3' })).client.status, 0, 'what is known');
  rig.pass(20);
  t.equal((await fresh(4, '198.51.100.1')).status, 0);
  t.equal((await fresh(5, '192.0.2.3')).status, 0);
});

t.test('what is wrong by what it says is no failure of a signature, and costs none', async (t) => {
  const rig = rigWith();
  for (let n = 0; n < 2 * ADDRESS_FAILURES_MAX; n++) {
    const wrong = [{ aud: `a${n}` }, { iss: `i${n}` }, { exp: n }][n % 3] as object;
    const { client } = rig.request('GET /a', { headers: ['authorization', `Bearer ${await tokenOf(wrong)}`] });
    t.equal(client.status, 401, 'at once');
  }
  t.equal(rig.plane.tokens.failures.addressCount, 0);
  const { client } = await ask(rig, `Bearer ${await tokenOf({}, { alg: 'ES256', kid: 'two' }, ec.privateKey)}`);
  t.equal(client.status, 0);
});
