// Secrets of keys that the gateway makes: slk_ and 51 characters, of which the last 8 are a checksum, so that scanners of repositories
// and logs can tell one from any other text, and a mistyped one from one that was revoked.

import { createHash, randomBytes } from 'node:crypto';

const PREFIX = 'slk_';
const RANDOM_BYTES = 32;
// 43 characters of base64url are 32 bytes; 6 bytes of a digest are 8.
const RANDOM_CHARS = 43;
const CHECK_BYTES = 6;
const SHAPE = /^slk_[A-Za-z0-9_-]{51}$/;

export function newSecret(): string {
  const body = `${PREFIX}${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  return body + checksum(body);
}

/** Whether the text begins as a secret of newSecret, and was changed or cut. */
export function isMistyped(text: string): boolean {
  const end = PREFIX.length + RANDOM_CHARS;
  return text.startsWith(PREFIX) && !(SHAPE.test(text) && checksum(text.slice(0, end)) === text.slice(end));
}

/** As it is kept, 64 hexadecimal digits. */
export function secretDigest(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

function checksum(body: string): string {
  return createHash('sha256').update(`sluice-key ${body}`).digest().subarray(0, CHECK_BYTES).toString('base64url');
}
