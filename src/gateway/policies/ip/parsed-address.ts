// An IP address as numbers. Read by hand, since what is asked about each request must not make strings or arrays.

const DOT = 46;
const COLON = 58;
const GROUP_COUNT = 8;
const GROUP_DIGITS_MAX = 4;
const DOT_COUNT = 3;

/** One address at a time: reading the next one overwrites it. */
export class ParsedAddress {
  /** 4, also of an IPv4-mapped one (::ffff:192.0.2.1); 6; 0 when the text was no address. */
  family: 0 | 4 | 6 = 0;
  /** The highest word first; of IPv4 the last one. */
  readonly words = new Uint32Array(4);
  readonly #groups = new Uint16Array(GROUP_COUNT);

  /**
   * @param text  as node:net's isIP takes it; a zone (%eth0) is passed over
   * @returns the family
   * @hot measured by npm run bench:hot -- --only ip:
   */
  read(text: string): 0 | 4 | 6 {
    const { words } = this;
    const ipv4 = readIpv4(text, 0, text.length);
    if (ipv4 >= 0) {
      words[0] = 0;
      words[1] = 0;
      words[2] = 0xffff;
      words[3] = ipv4;
      this.family = 4;
      return 4;
    }
    this.family = 0;
    if (!this.#readGroups(text)) return 0;
    const groups = this.#groups;
    for (let word = 0; word < 4; word++) {
      words[word] = (((groups[2 * word] as number) << 16) | (groups[2 * word + 1] as number)) >>> 0;
    }
    this.family = words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? 4 : 6;
    return this.family;
  }

  /** RFC 4291, 2.2. @hot @returns whether it is an IPv6 address; its groups are then filled */
  #readGroups(text: string): boolean {
    const groups = this.#groups;
    const zone = text.indexOf('%');
    const end = zone < 0 ? text.length : zone;
    // What stands behind the percent sign is a name: at least one character.
    if (end < 2 || zone === text.length - 1) return false;
    let count = 0;
    let gap = -1;
    let at = 0;
    if (text.charCodeAt(0) === COLON) {
      if (text.charCodeAt(1) !== COLON) return false;
      gap = 0;
      at = 2;
    }
    while (at < end) {
      if (count === GROUP_COUNT) return false;
      const from = at;
      let value = 0;
      for (let digit = hexDigit(text, at); digit >= 0 && at - from <= GROUP_DIGITS_MAX; digit = hexDigit(text, at)) {
        value = value * 16 + digit;
        at++;
      }
      if (at < end && text.charCodeAt(at) === DOT) {
        const ipv4 = readIpv4(text, from, end);
        if (ipv4 < 0 || count > GROUP_COUNT - 2) return false;
        groups[count++] = ipv4 >>> 16;
        groups[count++] = ipv4 & 0xffff;
        break;
      }
      if (at === from || at - from > GROUP_DIGITS_MAX) return false;
      groups[count++] = value;
      if (at === end) break;
      if (text.charCodeAt(at++) !== COLON || at === end) return false;
      if (text.charCodeAt(at) !== COLON) continue;
      if (gap >= 0) return false;
      gap = count;
      at++;
    }
    return gap < 0 ? count === GROUP_COUNT : this.#widen(gap, count);
  }

  /** Puts the zeros in that :: stands for, at least one group of them. @hot */
  #widen(gap: number, count: number): boolean {
    const zeros = GROUP_COUNT - count;
    if (zeros < 1) return false;
    const groups = this.#groups;
    for (let to = GROUP_COUNT - 1; to >= gap + zeros; to--) groups[to] = groups[to - zeros] as number;
    for (let to = gap; to < gap + zeros; to++) groups[to] = 0;
    return true;
  }
}

/** Four numbers without leading zeros. @hot @returns u32; -1 for anything else */
function readIpv4(text: string, from: number, end: number): number {
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || dots === DOT_COUNT) return -1;
      value = value * 256 + part;
      part = 0;
      digits = 0;
      dots++;
      continue;
    }
    if (code < 48 || code > 57 || (digits > 0 && part === 0)) return -1;
    part = part * 10 + code - 48;
    digits++;
    if (part > 255) return -1;
  }
  return dots === DOT_COUNT && digits > 0 ? value * 256 + part : -1;
}

/** @hot @returns -1 for what is none, the end of the text included */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
