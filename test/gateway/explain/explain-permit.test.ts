import fc from 'fast-check';
import t from 'tap';
import { ExplainPermit } from '../../../src/gateway/explain/explain-permit.ts';
import { isSignedExplain, signExplain } from '../../../src/gateway/explain/explain-signature.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { bareExchange } from '../../support/bare-exchange.ts';

const SECRET = 'a-secret-of-some-length';
const NOW = 1_764_000_000;

t.test('a signature holds for its method and target within a minute, and for nothing else', async (t) => {
  const target = fc.stringMatching(/^\/[a-z0-9/]{0,12}(\?[a-z=&]{0,8})?$/);
  const method = fc.constantFrom('GET', 'POST', 'DELETE');
  const secret = fc.constantFrom(SECRET, 'another-secret-as-long');
  const asked = fc.record({ method, target, secret, nowSeconds: fc.integer({ min: NOW - 70, max: NOW + 70 }) });
  const law = fc.property(
    method,
    target,
    asked,
    (signedMethod, signedTarget, { method, target, secret, nowSeconds }) => {
      const value = signExplain(SECRET, signedMethod, signedTarget, NOW);
      const isSame = method === signedMethod && target === signedTarget && secret === SECRET;
      return (
        isSignedExplain(value, SECRET, signedMethod, signedTarget, NOW) &&
        isSignedExplain(value, secret, method, target, nowSeconds) === (isSame && Math.abs(nowSeconds - NOW) <= 60)
      );
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('the signature is the HMAC that the documentation tells', async (t) => {
  // printf 'GET /orders?a=1\n1764000000' | openssl dgst -sha256 -hmac a-secret-of-some-length
  t.equal(
    signExplain(SECRET, 'GET', '/orders?a=1', NOW),
    't=1764000000,sig=281a1120d534ed1b98fbdb156c5813f9676c7c0d7ff16cb97d654dcf0cc4308e',
  );
});

t.test('what is not exactly a signature is none, and nothing throws', async (t) => {
  const good = signExplain(SECRET, 'GET', '/a', NOW);
  const sig = good.slice(good.indexOf('sig=') + 4);
  const wrong = [
    '1',
    '',
    `t=${NOW}`,
    `sig=${sig}`,
    `t=${NOW},sig=${sig.toUpperCase()}`,
    `t=${NOW},sig=${sig.slice(1)}`,
    `t=${NOW},sig=${sig}0`,
    `t=${NOW},sig=${'0'.repeat(64)}`,
    `t=${NOW + 1},sig=${sig}`,
    `t=0${NOW},sig=${sig}`,
    `t=-1,sig=${sig}`,
    `${good} `,
    `${good},${good}`,
    'é'.repeat(5_000),
  ];
  for (const value of wrong) t.notOk(isSignedExplain(value, SECRET, 'GET', '/a', NOW), value.slice(0, 90));
});

const asks = (fields: Partial<Exchange>) =>
  bareExchange({ method: 'GET', rawPath: '/a', explainHeader: '1', clientAddress: '192.0.2.1', ...fields });

t.test('clients at a named address may ask, and others may not', async (t) => {
  const permit = new ExplainPermit({ from: ['10.0.0.0/8', '::1'], secret: '' });
  t.ok(permit.allows(asks({ clientAddress: '10.1.2.3' }), NOW));
  t.ok(permit.allows(asks({ clientAddress: '::1' }), NOW));
  for (const clientAddress of ['11.0.0.1', '', '::2'])
    t.notOk(permit.allows(asks({ clientAddress }), NOW), clientAddress);
  t.notOk(permit.allows(asks({ explainHeader: signExplain('', 'GET', '/a', NOW) }), NOW), 'no secret signs nothing');
});

t.test('behind a proxy that nobody trusts, its address is not the caller’s', async (t) => {
  const permit = new ExplainPermit({ from: ['10.0.0.0/8'], secret: SECRET });
  const proxy = { clientAddress: '10.0.0.5', peerAddress: '10.0.0.5' };
  for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
    t.notOk(permit.allows(asks({ ...proxy, headers: [name, '10.0.0.9'] }), NOW), name);
    t.ok(permit.allows(asks({ ...proxy, headers: [name, '10.0.0.9'], peerTrusted: true }), NOW), `${name}, trusted`);
  }
  const explainHeader = signExplain(SECRET, 'GET', '/a', NOW);
  t.ok(permit.allows(asks({ ...proxy, headers: ['via', 'x'], explainHeader }), NOW), 'a signature passes any proxy');
});
