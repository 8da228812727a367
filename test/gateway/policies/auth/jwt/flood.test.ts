import t from 'tap';
import { ADDRESS_FAILURES_MAX, TOTAL_FAILURES_MAX } from '../../../../../src/gateway/policies/auth/failure-budget.ts';
import { ask, ec, forged, rigWith, tokenOf } from './token-rig.ts';

t.test('an address with too many bad signatures is refused what is not known, and keeps what is', async (t) => {
  const rig = rigWith({}, ['api-key']);
  const known = await tokenOf({ seat: 1 });
  const fresh = await tokenOf({ seat: 2 });
  const from = { peerAddress: '192.0.2.7' };
  t.equal((await ask(rig, `Bearer ${known}`, [], from)).client.status, 0);
  for (let n = 0; n < ADDRESS_FAILURES_MAX; n++) {
    if (n % 50 === 0) rig.pass(200);
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

t.test('so many from everywhere that no more are tried for the rest of a tenth of a second', async (t) => {
  const rig = rigWith();
  const known = await tokenOf({ seat: 1 });
  await ask(rig, `Bearer ${known}`);
  for (let n = 0; n < TOTAL_FAILURES_MAX; n++) {
    await ask(rig, `Bearer ${forged(known, n)}`, [], { peerAddress: `192.0.2.${n}` });
  }
  const fresh = `Bearer ${await tokenOf({ seat: 2 })}`;
  const { client } = await ask(rig, fresh);
  t.match([client.status, client.body], [503, 'PARKING_FULL']);
  t.match(client.headers.join(), 'retry-after,1');
  t.equal((await ask(rig, `Bearer ${known}`)).client.status, 0);
  rig.pass(110);
  t.equal((await ask(rig, fresh)).client.status, 0);
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
