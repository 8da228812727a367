import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { AddressPacker } from '../../../../src/gateway/policies/ip/address-packer.ts';
import { AddressSet } from '../../../../src/gateway/policies/ip/address-set.ts';
import { ParsedAddress } from '../../../../src/gateway/policies/ip/parsed-address.ts';

const RUNS = 300;

function setOf(blocks: readonly string[]): AddressSet {
  const packer = new AddressPacker();
  for (const block of blocks) if (!packer.add(block)) throw new Error(`${block} is no block`);
  return new AddressSet(packer.pack());
}

const address = new ParsedAddress();

function has(set: AddressSet, text: string): boolean {
  return address.read(text) !== 0 && set.has(address);
}

// Few values in each place, so that blocks and addresses meet.
const octet = fc.constantFrom(0, 1, 2, 127, 128, 254, 255);
const group = fc.constantFrom('0', '1', 'ff', '7fff', '8000', 'FFFE', 'ffff');
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const ipv6 = fc.oneof(
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')),
  fc
    .tuple(fc.array(group, { maxLength: 3 }), fc.array(group, { maxLength: 4 }))
    .map(([before, after]) => `${before.join(':')}::${after.join(':')}`),
  fc.tuple(fc.array(group, { maxLength: 2 }), ipv4).map(([before, tail]) => `${before.join(':')}::${tail}`),
);
const mapped = ipv4.map((text) => `::ffff:${text}`);
const ipv4Block = fc.oneof(
  ipv4,
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([text, bits]) => `${text}/${bits}`),
);
const ipv6Block = fc.oneof(
  ipv6,
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([text, bits]) => `${text}/${bits}`),
);
const mappedBlock = fc.tuple(mapped, fc.integer({ min: 96, max: 128 })).map(([text, bits]) => `${text}/${bits}`);

/** What node makes of it: IPv4 and IPv6 apart, as this gateway sees them. */
function nodeHas(blocks: readonly string[], text: string): boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const block of blocks) {
    const [base = '', bits] = block.split('/');
    const inner = ipv4OfMapped(base);
    const family = inner === undefined && base.includes(':') ? 'ipv6' : 'ipv4';
    const whole = base.includes(':') ? 128 : 32;
    const prefix = Number(bits ?? whole) - (inner !== undefined ? 96 : 0);
    if (prefix < 0) lists.ipv6.addSubnet(base, Number(bits), 'ipv6');
    else lists[family].addSubnet(inner ?? base, prefix, family);
  }
  const plain = ipv4OfMapped(text) ?? text;
  const family = isIP(plain) === 4 ? 'ipv4' : 'ipv6';
  return lists[family].check(plain, family);
}

/** ::ffff:1.2.3.4 in any spelling → 1.2.3.4 */
function ipv4OfMapped(text: string): string | undefined {
  if (!text.includes(':')) return undefined;
  const printed = new URL(`http://[${text}]`).hostname;
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(printed) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const [h, l] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${h >> 8}.${h & 255}.${l >> 8}.${l & 255}`;
}

t.test('an address is in a set exactly where node says so', async (t) => {
  const blocks = fc.array(fc.oneof(ipv4Block, ipv6Block, mappedBlock), { maxLength: 12 });
  fc.assert(
    fc.property(blocks, fc.array(fc.oneof(ipv4, ipv6, mapped), { minLength: 8, maxLength: 8 }), (list, asked) => {
      const set = setOf(list);
      for (const text of asked) {
        if (has(set, text) !== nodeHas(list, text)) throw new Error(`${text} in ${list.join(' ')}`);
      }
    }),
    { numRuns: RUNS },
  );
  t.pass();
});

t.test('what is an address is what node takes for one', async (t) => {
  const characters = fc.constantFrom(
    ...'0123456789abF:.:.:'.split(''),
    '::',
    '255',
    'ffff',
    '::ffff:',
    '1.2.3.4',
    'g',
    ' ',
  );
  const text = fc.oneof(
    ipv4,
    ipv6,
    mapped,
    fc.array(characters, { maxLength: 10 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (text) => (address.read(text) !== 0) === (isIP(text) !== 0)),
    { numRuns: 10 * RUNS },
  );
  for (const text of ['', ':', '::', ':::', '1::', '::1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '::1.2.3.4']) {
    t.equal(address.read(text) !== 0, isIP(text) !== 0, text);
  }
  for (const text of ['1:2:3:4:5:6:7:8::', '1:2:3:4:5:6:7::', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', '::1:']) {
    t.equal(address.read(text) !== 0, isIP(text) !== 0, text);
  }
  t.same([address.read('fe80::1%eth0'), address.read('fe80::1%')], [6, 0], 'a zone is passed over');
});

t.test('ranges that overlap or touch are one', async (t) => {
  t.equal(setOf(['10.0.0.0/9', '10.128.0.0/9', '10.1.2.3', '10.0.0.0/9']).count, 1);
  t.equal(setOf(['2001:db8::/33', '2001:db8:8000::/33']).count, 1);
  t.equal(setOf(['10.0.0.1', '10.0.0.3', '::1']).count, 3);
  t.equal(setOf(['::/0', '0.0.0.0/0']).count, 2);
  t.equal(setOf([]).count, 0);
  t.notOk(has(setOf(['::/0']), '192.0.2.1'), 'every IPv6 address is no IPv4 address');
});

t.test('what is no block is not added', async (t) => {
  const packer = new AddressPacker();
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0/8', '10.0.0.0/', 'a.example', 'fe80::1%eth0', '10.0.0.0 /8']) {
    t.notOk(packer.add(text), text);
  }
  t.equal(new AddressSet(packer.pack()).count, 0);
});
