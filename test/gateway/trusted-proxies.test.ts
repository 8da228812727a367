import fc from 'fast-check';
import t from 'tap';
import { TrustedProxies } from '../../src/gateway/trusted-proxies.ts';

const PROXIES = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'fd00::1'];

t.test('addresses and blocks of both families are trusted, and nothing beside them', async (t) => {
  const proxies = new TrustedProxies(PROXIES);
  for (const address of ['10.0.0.0', '10.255.255.255', '192.0.2.7', '2001:db8::', '2001:db8:ffff::1', 'fd00::1']) {
    t.ok(proxies.trusts(address), address);
  }
  for (const address of [
    '9.255.255.255',
    '11.0.0.0',
    '192.0.2.8',
    '2001:db9::',
    'fd00::2',
    '::1',
    '',
    'localhost',
    '10.0.0.',
  ]) {
    t.notOk(proxies.trusts(address), address);
  }
});

t.test('an IPv4 address in its IPv6 form is the same address', async (t) => {
  const proxies = new TrustedProxies(PROXIES);
  t.ok(proxies.trusts('::ffff:10.1.2.3'));
  t.notOk(proxies.trusts('::ffff:11.1.2.3'));
});

t.test('without trusted proxies nobody is trusted', async (t) => {
  t.notOk(new TrustedProxies([]).trusts('127.0.0.1'));
});

t.test('a block of all addresses trusts its family only', async (t) => {
  const proxies = new TrustedProxies(['0.0.0.0/0']);
  t.ok(proxies.trusts('203.0.113.1'));
  t.notOk(proxies.trusts('2001:db8::1'));
});

t.test('the client is the last address of the chain that is no trusted proxy', async (t) => {
  const proxies = new TrustedProxies(PROXIES);
  const cases: readonly (readonly [forwardedFor: string, client: string])[] = [
    ['203.0.113.1', '203.0.113.1'],
    ['203.0.113.1, 10.1.1.1', '203.0.113.1'],
    ['198.51.100.1, 203.0.113.1 ,\t10.1.1.1', '203.0.113.1'],
    ['10.2.2.2, 10.1.1.1', '10.2.2.2'],
    ['203.0.113.1:4711, 10.1.1.1:80', '203.0.113.1'],
    ['[2001:db9::5]:4711, [2001:db8::1]', '2001:db9::5'],
    ['2001:db9::5, 2001:db8::1', '2001:db9::5'],
  ];
  for (const [forwardedFor, client] of cases) t.equal(proxies.clientOf('10.0.0.1', forwardedFor), client, forwardedFor);
});

t.test('what is no address ends the chain: the client is who stands behind it', async (t) => {
  const proxies = new TrustedProxies(PROXIES);
  const odd = [
    'unknown',
    '',
    '_hidden',
    '1.2.3',
    '1.2.3.4.5',
    '[::1',
    '::1]',
    '[]',
    '[1.2.3.4]',
    '[::1]x',
    '1.2.3.4:x',
    '"1.2.3.4"',
  ];
  for (const value of odd) {
    t.equal(proxies.clientOf('10.0.0.1', `203.0.113.1, ${value}`), '10.0.0.1', value);
    t.equal(proxies.clientOf('10.0.0.1', `${value}, 10.3.3.3`), '10.3.3.3', value);
  }
});

t.test('whatever a client writes before the part that proxies wrote, it is taken for the same client', async (t) => {
  const proxies = new TrustedProxies(PROXIES);
  const untrusted = fc.ipV4().filter((address) => !proxies.trusts(address));
  const trusted = fc.oneof(
    fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.${a}.${b}.1`),
    fc.constant('2001:db8::99'),
  );
  const law = fc.property(fc.string(), untrusted, fc.array(trusted), (written, client, chain) => {
    const forwardedFor = [written, client, ...chain].join(', ');
    return proxies.clientOf('10.0.0.1', forwardedFor) === client;
  });
  t.doesNotThrow(() => fc.assert(law));
});
