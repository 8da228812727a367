// The path of a request, in the one form that is matched and forwarded, so that gateway and upstream cannot read two
// different paths out of one request.
//
// The rule. In goes the path as it was sent, without its query; out comes the path, or BAD_PATH. In this order:
//
//  1. BAD: a path that does not start with '/'; a byte outside 0x21 to 0x7e; '#', '\' or '?' (a query was cut off before);
//     '%' without two hexadecimal digits; an encoded control byte (%00 to %1F, %7F).
//  2. Encoded unreserved characters (A-Z a-z 0-9 - . _ ~) are decoded, the digits of all other escapes are upper-cased.
//     Nothing else is decoded, and nothing twice: %252e stays as it is, because it is data.
//  3. BAD: a segment that would be a dot segment to a server that also splits at %2F and %5C, or that drops what follows
//     ';' or %3B: '..%2Fadmin', 'x%5C..', '..;', '.%3Bx=1'. Also where a later '..' removes that segment.
//  4. Runs of '/' become one; then '.' and '..' segments are resolved (RFC 3986, 5.2.4). BAD: '..' above the root. A
//     slash at the end is kept and counts: '/a/.' and '/a/b/..' become '/a/', '/a/..' becomes '/'.
//
// %2F and %5C are data, never separators; ';' and %3B have no meaning. Servers differ on both, so a flag tells that the
// resulting path contains them, and a route must opt in.
//
// The rule is idempotent: a normal path stays as it is. Reserved characters keep their spelling when they are forwarded
// ('@' and %40 are two paths, as RFC 3986 has it), but not when routes are matched: most upstreams decode a segment before
// they look at it, and '/users/%40me' must not slip past the policies of the route '/users/@me'. So routes are matched by
// matchForm(path), where escapes of ! $ & ' ( ) * + , = : @ stand for the characters. Bytes from 0x80 are not checked to
// be UTF-8.

import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';

/** The path contains %2F or %5C. */
export const HAS_ENCODED_SLASH = 1;
/** The path contains ';' or %3B. */
export const HAS_SEMICOLON = 2;

/** Filled by normalizePath, and meant to be used again. */
export interface NormalizedPath {
  /** The normal path; '' when refused. */
  path: string;
  /** HAS_ENCODED_SLASH, HAS_SEMICOLON; 0 when refused. */
  flags: number;
}

// What shows, after a '/' at the start, that there is work to do or a flag to set: a character other than 0x21 to 0x7e
// without '#', ';', '?' and '\'; an escape other than those which stay as they are and mean nothing (the alternatives
// list them by their high digit); an empty segment that is not the last, '.' and '..'.
const NOT_NORMAL =
  /[^!"$-:<->@-[\]-~]|%(?!2[0-9A-C]|3[AC-F]|40|5[BDE]|60|7[B-D]|[89A-F][0-9A-F])|\/(?:\/|\.\.?(?:\/|$))/;

const SLASH = 0x2f;
const PERCENT = 0x25;
const DOT = 0x2e;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const HEX_DIGITS = '0123456789ABCDEF';

// What a character that stands for itself means, by its code.
const REFUSED = 0;
const ALLOWED = 1;
const UNRESERVED = 2;
const characterClass = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[A-Za-z0-9\-._~]/.test(character)) return UNRESERVED;
  return /[!-~]/.test(character) && !/[#?\\%]/.test(character) ? ALLOWED : REFUSED;
});

// Where a path that is not normal is rewritten. 8 KiB is what the listener lets through; a longer path gets a buffer of
// its own. No step makes a path longer.
const scratch = Buffer.alloc(8_192);

/**
 * Bring a path into the form of the rule above.
 * @param raw  the path as it was sent, without its query
 * @param out  gets path and flags
 * @returns ADMIT, or BAD_PATH's id
 * @throws never (data plane)
 * @hot measured by npm run bench:hot; a path that is normal costs one pass and allocates nothing
 */
export function normalizePath(raw: string, out: NormalizedPath): Verdict {
  out.flags = 0;
  if (raw.charCodeAt(0) === SLASH) {
    if (!NOT_NORMAL.test(raw)) {
      out.path = raw;
      return ADMIT;
    }
    const bytes = raw.length <= scratch.length ? scratch : Buffer.allocUnsafe(raw.length);
    const decodedBytes = decodeUnreserved(raw, bytes);
    const normalBytes = decodedBytes < 0 ? -1 : resolveSegments(bytes, decodedBytes);
    if (normalBytes > 0) {
      out.path = bytes.toString('latin1', 0, normalBytes);
      out.flags = flagsOf(out.path);
      return ADMIT;
    }
  }
  // Not the path of the request before, should a caller look at it all the same.
  out.path = '';
  return errors.BAD_PATH.id;
}

/**
 * The form of a normal path by which routes are matched; see the rule above. Segments stay the same segments.
 * @hot a path without escapes comes back as it is
 */
export function matchForm(path: string): string {
  return path.includes('%') ? path.replace(RESERVED_ESCAPE, decodeEscape) : path;
}

const RESERVED_ESCAPE = /%(?:2[14]|2[6-9A-C]|3[AD]|40)/g;

function decodeEscape(text: string): string {
  return String.fromCharCode(Number.parseInt(text.slice(1), 16));
}

/** Steps 1 and 2, from raw to bytes. @returns the number of bytes, or -1 when refused */
function decodeUnreserved(raw: string, bytes: Buffer): number {
  let write = 0;
  for (let read = 0; read < raw.length; read++) {
    const code = raw.charCodeAt(read);
    if (code !== PERCENT) {
      if (code >= characterClass.length || characterClass[code] === REFUSED) return -1;
      bytes[write++] = code;
      continue;
    }
    const high = hexValue(raw.charCodeAt(read + 1));
    const low = hexValue(raw.charCodeAt(read + 2));
    if (high < 0 || low < 0) return -1;
    read += 2;
    const decoded = high * 16 + low;
    if (decoded < 0x20 || decoded === 0x7f) return -1;
    if (decoded < characterClass.length && characterClass[decoded] === UNRESERVED) {
      bytes[write++] = decoded;
      continue;
    }
    bytes[write++] = PERCENT;
    bytes[write++] = HEX_DIGITS.charCodeAt(high);
    bytes[write++] = HEX_DIGITS.charCodeAt(low);
  }
  return write;
}

/** @returns 0 to 15, or -1 for anything else, NaN (past the end) included */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * Steps 3 and 4, in place: what is written never overtakes what is read. Every byte is written and removed at most once.
 * @returns the number of bytes, or -1 when refused
 */
function resolveSegments(bytes: Buffer, length: number): number {
  // bytes[0] to bytes[write - 1] are whole segments, each with the slash before it.
  let write = 0;
  for (let start = 1; start <= length; ) {
    let end = start;
    while (end < length && bytes[end] !== SLASH) end++;
    const chars = end - start;
    const isDot = chars === 1 && bytes[start] === DOT;
    const isDotDot = chars === 2 && bytes[start] === DOT && bytes[start + 1] === DOT;
    if (chars === 0 || isDot || isDotDot) {
      if (isDotDot) {
        if (write === 0) return -1;
        do write--;
        while (bytes[write] !== SLASH);
      }
      if (end === length) bytes[write++] = SLASH;
    } else {
      if (hidesDotSegment(bytes, start, end)) return -1;
      bytes[write++] = SLASH;
      for (let at = start; at < end; at++) bytes[write++] = bytes[at] as number;
    }
    start = end + 1;
  }
  return write;
}

/** Step 3: whether a part of the segment is '.' or '..', parts ending at %2F and %5C, and cut at the first ';' or %3B. */
function hidesDotSegment(bytes: Buffer, start: number, end: number): boolean {
  let partChars = 0;
  let isDots = true;
  let isCut = false;
  for (let at = start; at < end; at++) {
    let code = bytes[at] as number;
    if (code === PERCENT) {
      code = hexValue(bytes[at + 1] as number) * 16 + hexValue(bytes[at + 2] as number);
      at += 2;
    }
    if (code === SLASH || code === BACKSLASH) {
      if (isDots && (partChars === 1 || partChars === 2)) return true;
      partChars = 0;
      isDots = true;
      isCut = false;
    } else if (code === SEMICOLON) {
      isCut = true;
    } else if (!isCut) {
      partChars++;
      if (code !== DOT) isDots = false;
    }
  }
  return isDots && (partChars === 1 || partChars === 2);
}

/** Of a normal path, where each '%' starts an escape, so that '%2F' cannot be the middle of something else. */
function flagsOf(path: string): number {
  const hasEncodedSlash = path.includes('%2F') || path.includes('%5C');
  const hasSemicolon = path.includes(';') || path.includes('%3B');
  return (hasEncodedSlash ? HAS_ENCODED_SLASH : 0) | (hasSemicolon ? HAS_SEMICOLON : 0);
}
