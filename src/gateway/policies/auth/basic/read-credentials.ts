// The user and the password of an Authorization header (RFC 7617, section 2).

import { normalizedPassword } from '../../../../base/password-hash.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

// Padding may be missing: some clients leave it out, and nothing can be read in two ways for it.
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const CONTROL = /\p{Cc}/u;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param encoded  what stands behind the scheme
 * @returns both in NFC; else what is wrong, without any of it
 */
export function readCredentials(encoded: string): Credentials | string {
  if (!BASE64.test(encoded)) return 'the credentials are not base64';
  const text = decoded(Buffer.from(encoded, 'base64'));
  if (text === undefined) return 'the credentials are not UTF-8';
  const colon = text.indexOf(':');
  if (colon < 0) return 'the credentials have no colon between user and password';
  if (CONTROL.test(text)) return 'the credentials have control characters';
  return { username: text.slice(0, colon).normalize('NFC'), password: normalizedPassword(text.slice(colon + 1)) };
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
