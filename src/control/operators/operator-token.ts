// Tokens of operators: `slo_`, 32 random bytes in base64url (43 characters), 6 characters of a checksum. Only SHA-256 of the whole
// text is kept. A random text of 256 bits needs no slow hash: nobody can try that many. The checksum tells a mistyped token from
// one that is not known, without asking, and lets scanners of leaked secrets recognise one.

import { createHash, randomBytes } from 'node:crypto';

export const TOKEN_PREFIX = 'slo_';
const BYTES = 32;
const CHECKSUM_CHARS = 6;
const SHAPE = /^slo_[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/;
const ID_BYTES = 6;

export interface NewToken {
  /** To be shown once. */
  readonly text: string;
  /** Not a secret: tok_ and 12 hexadecimal digits. */
  readonly id: string;
  readonly sha256: string;
}

export function makeToken(): NewToken {
  const body = `${TOKEN_PREFIX}${randomBytes(BYTES).toString('base64url')}`;
  const text = `${body}${checksum(body)}`;
  return { text, id: `tok_${randomBytes(ID_BYTES).toString('hex')}`, sha256: digestToken(text) };
}

/** SHA-256, in hexadecimal. */
export function digestToken(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Whether a text was a token once, known or not. */
export function isToken(text: string): boolean {
  return SHAPE.test(text) && checksum(text.slice(0, -CHECKSUM_CHARS)) === text.slice(-CHECKSUM_CHARS);
}

function checksum(body: string): string {
  return createHash('sha256').update(`sluice ${body}`).digest('base64url').slice(0, CHECKSUM_CHARS);
}
