// Passwords as they are kept: scrypt (RFC 7914) in the PHC string format, `$scrypt$ln=15,r=8,p=1$salt$hash`, base64 without padding.

import { randomBytes, type ScryptOptions, scryptSync } from 'node:crypto';

/** What a hash costs: memory is 128 · 2^ln · r bytes, time grows with 2^ln · r · p. */
export interface ScryptCost {
  /** Binary logarithm of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

export interface PasswordHash {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

// 32 MiB, and 0.3 s of one core of a busy machine (the fastest of seven: 0.29 s).
export const COST_DEFAULT: ScryptCost = { ln: 15, r: 8, p: 1 };
// N · r · p: from half of the default's to four times as much. What one verification may take is 128 MiB, since p is at least 1.
const WORK_MIN = 2 ** 17;
const WORK_MAX = 2 ** 20;
const LN_MIN = 13;
const LN_MAX = 17;
const R_MAX = 32;
const P_MAX = 16;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const BYTES_MAX = 64;
// Of node:crypto: a little more than the most that is let in.
const MAXMEM = 160 * 2 ** 20;
const PHC = /^\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/;

/** @returns undefined when it is none, is too weak, or would take too long or too much memory */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, ln, r, p, salt = '', hash = ''] = PHC.exec(text) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const parsed = { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
  const isWhole = parsed.salt.length >= 8 && parsed.hash.length >= HASH_BYTES && parsed.hash.length <= BYTES_MAX;
  return isWhole && isBearable(cost) ? parsed : undefined;
}

export function printPasswordHash({ cost: { ln, r, p }, salt, hash }: PasswordHash): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Blocks its thread for tenths of a second: not for a request. @param password  as it was typed */
export function hashPassword(password: string, cost = COST_DEFAULT): string {
  const salt = randomBytes(SALT_BYTES);
  const hash = scryptSync(normalizedPassword(password), salt, HASH_BYTES, scryptOptions(cost));
  return printPasswordHash({ cost, salt, hash });
}

/** One spelling of what looks alike on every keyboard (RFC 8265, 4.2: NFC). */
export function normalizedPassword(text: string): string {
  return text.normalize('NFC');
}

export function scryptOptions({ ln, r, p }: ScryptCost): ScryptOptions {
  return { N: 2 ** ln, r, p, maxmem: MAXMEM };
}

function isBearable({ ln, r, p }: ScryptCost): boolean {
  if (!(ln >= LN_MIN && ln <= LN_MAX && r >= 1 && r <= R_MAX && p >= 1 && p <= P_MAX)) return false;
  const work = 2 ** ln * r * p;
  return work >= WORK_MIN && work <= WORK_MAX;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
