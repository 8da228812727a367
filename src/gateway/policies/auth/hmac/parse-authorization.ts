// Authorization: hmac id="…", algorithm="…", headers="…", signature="…"

const SCHEME = 'hmac';
const SPACE = 0x20;
const TAB = 0x09;
const COMMA = 0x2c;
const QUOTE = '"';

/** Filled by parseAuthorization, and meant to be used again. '' for what is not there. */
export interface HmacCredential {
  id: string;
  algorithm: string;
  headers: string;
  signature: string;
}

/** @param value  of an Authorization header @hot */
export function isHmac(value: string): boolean {
  const end = value.charCodeAt(SCHEME.length);
  if (end !== SPACE && end !== TAB && value.length !== SCHEME.length) return false;
  return value.startsWith(SCHEME) || value.slice(0, SCHEME.length).toLowerCase() === SCHEME;
}

/**
 * Names in any order and case; what is not known is passed over, what is there twice is not accepted.
 * @param value  for which isHmac() holds
 * @returns false when it cannot be read
 * @hot
 */
export function parseAuthorization(value: string, out: HmacCredential): boolean {
  out.id = '';
  out.algorithm = '';
  out.headers = '';
  out.signature = '';
  let at = SCHEME.length;
  let seen = 0;
  for (;;) {
    at = skip(value, at);
    if (at >= value.length) return true;
    const equals = value.indexOf('=', at);
    if (equals < 0 || value[equals + 1] !== QUOTE) return false;
    const end = value.indexOf(QUOTE, equals + 2);
    if (end < 0) return false;
    const bit = take(value.slice(at, equals), value.slice(equals + 2, end), out);
    if ((seen & bit) !== 0) return false;
    seen |= bit;
    at = end + 1;
    if (at < value.length && !isBetween(value.charCodeAt(at))) return false;
  }
}

/** @returns a bit for the name; 0 for one that is not known */
function take(name: string, text: string, out: HmacCredential): number {
  switch (name) {
    case 'id':
      out.id = text;
      return 1;
    case 'algorithm':
      out.algorithm = text;
      return 2;
    case 'headers':
      out.headers = text;
      return 4;
    case 'signature':
      out.signature = text;
      return 8;
  }
  const lower = name.toLowerCase();
  return lower === name ? 0 : take(lower, text, out);
}

function skip(value: string, from: number): number {
  let at = from;
  while (at < value.length && isBetween(value.charCodeAt(at))) at++;
  return at;
}

function isBetween(code: number): boolean {
  return code === SPACE || code === COMMA || code === TAB;
}
