// Deciding whether an address is on a list.

import { AddressPacker } from '../../src/gateway/policies/ip/address-packer.ts';
import { AddressSet } from '../../src/gateway/policies/ip/address-set.ts';
import { ParsedAddress } from '../../src/gateway/policies/ip/parsed-address.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';

const ENTRY_COUNT = 100_000;
// A power of two, so that taking turns costs one AND.
const ASKED_COUNT = 4_096;

export function addressCases(): readonly MicroCase[] {
  const parse = parseCase('ip: reading an IPv4 address', ipv4);
  return [
    parse,
    lookUpCase('ip: an IPv4 address, 100,000 ranges', ipv4, parse.name),
    lookUpCase('ip: an IPv6 address, 100,000 ranges', ipv6),
  ];
}

function parseCase(name: string, addressOf: (n: number) => string): MicroCase {
  return {
    name,
    prepare() {
      const asked = Array.from({ length: ASKED_COUNT }, (_, n) => addressOf(mixed(n)));
      const address = new ParsedAddress();
      let turn = 0;
      return () => {
        sink.number += address.read(asked[turn++ & (ASKED_COUNT - 1)] as string);
      };
    },
  };
}

/** Every second address of those that are asked for is on the list. */
function lookUpCase(name: string, addressOf: (n: number) => string, against?: string): MicroCase {
  return {
    name,
    ...(against !== undefined && { against }),
    prepare() {
      const packer = new AddressPacker();
      for (let n = 0; n < ENTRY_COUNT; n++) packer.add(addressOf(2 * n));
      const set = new AddressSet(packer.pack());
      if (set.count !== ENTRY_COUNT) throw new Error(`${set.count} ranges instead of ${ENTRY_COUNT}`);
      const asked = Array.from({ length: ASKED_COUNT }, (_, n) => addressOf(mixed(n)));
      const address = new ParsedAddress();
      let turn = 0;
      return () => {
        address.read(asked[turn++ & (ASKED_COUNT - 1)] as string);
        sink.number += set.has(address) ? 1 : 0;
      };
    },
  };
}

/** Neighbours in time are none on the list. */
function mixed(n: number): number {
  return (n * 514_229) % (2 * ENTRY_COUNT);
}

function ipv4(n: number): string {
  return `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
}

function ipv6(n: number): string {
  return `2001:db8:${(n >> 16).toString(16)}::${(n & 0xffff).toString(16)}:1`;
}
