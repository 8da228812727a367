import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { peerAddress } from '../../src/base/peer-address.ts';

/** As uWebSockets.js writes an address: every group in full. */
function inFull(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
}

t.test('an IPv4 address stays as it is, and loses its IPv6 form', async (t) => {
  for (const form of ['127.0.0.1', '::ffff:127.0.0.1', '0000:0000:0000:0000:0000:ffff:7f00:0001']) {
    t.equal(peerAddress(form), '127.0.0.1', form);
  }
});

t.test('both engines give one form of an IPv6 address, the one of RFC 5952', async (t) => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  });
  const law = fc.property(groups, (groups) => {
    fc.pre(!inFull(groups).startsWith('0000:0000:0000:0000:0000:ffff:'));
    // The URL standard writes addresses in the same way.
    const expected = new URL(`http://[${inFull(groups)}]`).hostname.slice(1, -1);
    const short = peerAddress(inFull(groups));
    return short === expected && isIPv6(short) && peerAddress(short) === short;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('every mapped IPv4 address is the same from both engines', async (t) => {
  const law = fc.property(fc.ipV4(), (address) => {
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    const full = inFull([0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d]);
    return peerAddress(full) === address && peerAddress(`::ffff:${address}`) === address;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a connection that is gone already has no address', async (t) => {
  t.equal(peerAddress(''), '');
});
