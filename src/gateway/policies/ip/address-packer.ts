// Addresses and CIDR blocks → sorted ranges, each address in one at most. For the control plane: it takes its time.

import type { AddressSetPlan } from './ip-plan.ts';
import { ParsedAddress } from './parsed-address.ts';

const BLOCK = /^([0-9A-Fa-f.:]+)(?:\/([0-9]{1,3}))?$/;
const IPV6_BITS = 128n;
const IPV4_BITS = 32n;
// An IPv4-mapped address has so many bits in front of the IPv4 one.
const MAPPED_BITS = 96n;
const WORD_BITS = 32n;
const WORD = 0xffff_ffffn;

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** Collects addresses one by one. */
export class AddressPacker {
  readonly #ipv4: Range[] = [];
  readonly #ipv6: Range[] = [];
  readonly #address = new ParsedAddress();

  /**
   * A block within ::ffff:0:0/96 is one of IPv4 addresses; a wider one has IPv6 addresses only.
   * @param block  an address, or a CIDR block; what stands behind its prefix does not matter
   * @returns false when it is neither, and is not added
   */
  add(block: string): boolean {
    const [, text = '', prefix] = BLOCK.exec(block) ?? [];
    const family = this.#address.read(text);
    if (family === 0) return false;
    const value = this.#address.words.reduce((sum, word) => (sum << WORD_BITS) | BigInt(word), 0n);
    const isIpv4Text = !text.includes(':');
    let bits = BigInt(prefix ?? (isIpv4Text ? IPV4_BITS : IPV6_BITS));
    if (bits > (isIpv4Text ? IPV4_BITS : IPV6_BITS)) return false;
    if (isIpv4Text) bits += MAPPED_BITS;
    if (family === 4 && bits >= MAPPED_BITS) {
      this.#ipv4.push(rangeOf(value & WORD, IPV4_BITS + MAPPED_BITS - bits));
    } else this.#ipv6.push(rangeOf(value, IPV6_BITS - bits));
    return true;
  }

  pack(): AddressSetPlan {
    return { ipv4: packRanges(this.#ipv4, 1), ipv6: packRanges(this.#ipv6, 4) };
  }
}

/** @param freeBits  at the end, which take any value */
function rangeOf(value: bigint, freeBits: bigint): Range {
  const first = (value >> freeBits) << freeBits;
  return { first, last: first | ((1n << freeBits) - 1n) };
}

/** @param wordCount  of an address */
function packRanges(ranges: readonly Range[], wordCount: number): Uint8Array {
  const merged = merge(ranges);
  const bytes = new Uint8Array(merged.length * 2 * wordCount * 4);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const side of ['first', 'last'] as const) {
    for (const range of merged) {
      for (let word = wordCount - 1; word >= 0; word--) {
        view.setUint32(at, Number((range[side] >> (BigInt(word) * WORD_BITS)) & WORD), true);
        at += 4;
      }
    }
  }
  return bytes;
}

/** In rising order; those that overlap or touch are one. */
function merge(ranges: readonly Range[]): readonly Range[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : Number(a.first > b.first)));
  const merged: Range[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}
