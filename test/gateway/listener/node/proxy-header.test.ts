import fc from 'fast-check';
import t from 'tap';
import { parseProxyHeader } from '../../../../src/gateway/listener/node/proxy-header.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function header(family: number, variable: Uint8Array, command = 0x21): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(variable.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, variable]);
}

t.test('every address comes out as it went in, whatever extensions and bytes follow it', async (t) => {
  const extensions = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), extensions, extensions, (pair, more, rest) => {
      const bytes = header(0x11, Buffer.concat([pair, more]));
      const parsed = parseProxyHeader(Buffer.concat([bytes, rest]));
      t.same(parsed, { address: [...pair.subarray(0, 4)].join('.'), length: bytes.length });
    }),
  );
  const pair = Buffer.alloc(36);
  Buffer.from('20010db8000000000000000000000001', 'hex').copy(pair);
  t.same(parseProxyHeader(header(0x21, pair)), { address: '2001:db8::1', length: 52 });
  Buffer.from('00000000000000000000ffff7f000001', 'hex').copy(pair);
  t.match(parseProxyHeader(header(0x21, pair)), { address: '127.0.0.1' }, 'an IPv4 address in its IPv6 form is one');
});

t.test('no part of a header is taken for a whole one, nor for none', async (t) => {
  const bytes = header(0x11, Buffer.alloc(40));
  for (let length = 0; length < bytes.length; length++) t.equal(parseProxyHeader(bytes.subarray(0, length)), undefined);
});

t.test('what does not begin with the signature is none as soon as that can be seen', async (t) => {
  fc.assert(
    fc.property(fc.nat(11), fc.nat(255), (at, byte) => {
      fc.pre(SIGNATURE[at] !== byte);
      const bytes = Buffer.from(SIGNATURE.subarray(0, at + 1));
      bytes[at] = byte;
      t.equal(parseProxyHeader(bytes), 'none');
    }),
  );
});

t.test('any bytes whatever are a header, none, or too few', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
      const parsed = parseProxyHeader(Buffer.concat([SIGNATURE, tail]));
      t.ok(parsed === undefined || parsed === 'none' || parsed.length <= SIGNATURE.length + tail.length);
    }),
  );
});
