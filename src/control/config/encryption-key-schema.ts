// The key `gateway.encryptionKey`: what encrypts the secrets that the store keeps. It comes from outside, so that neither the data
// folder nor a dump of Redis is enough to read them.

import { hkdfSync } from 'node:crypto';
import * as z from 'zod';
import { SEAL_KEY_BYTES } from '../../base/sealed.ts';
import type { Problem } from '../../gateway/units/config.ts';

const KEYS_MAX = 8;
const CHARS_MIN = 32;
const CHARS_MAX = 512;
const HEX = /^[0-9A-Fa-f]{64}$/;
// Either alphabet, with the sign at the end or without.
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
const INFO = 'sluice gateway.encryptionKey';
const EXPECTED =
  `${SEAL_KEY_BYTES} bytes as base64 or hexadecimal digits, or ${CHARS_MIN} to ${CHARS_MAX} characters made at random; ` +
  `or a list of at most ${KEYS_MAX} such keys, the newest first`;

/** @returns each of SEAL_KEY_BYTES, as hexadecimal digits; none for '', so that ${NAME:-} is none where it is not set */
export function encryptionKeys(): z.ZodType<readonly string[]> {
  const item = { type: 'string', pattern: `^$|^.{${CHARS_MIN},${CHARS_MAX}}$|\\$\\{` };
  return z
    .unknown()
    .transform((value, context): readonly string[] => {
      const keys = readKeys(value);
      if (keys !== undefined) return keys;
      // It is a secret, and the message quotes nothing of it.
      const problem: Problem = { expected: EXPECTED, wrongShape: typeof value === 'object' && !Array.isArray(value) };
      context.issues.push({ code: 'custom', input: value, params: { ...problem } });
      return z.NEVER;
    })
    .meta({ anyOf: [item, { type: 'array', items: item, minItems: 1, maxItems: KEYS_MAX }] });
}

function readKeys(value: unknown): readonly string[] | undefined {
  const texts = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (texts.length === 0 || texts.length > KEYS_MAX) return undefined;
  const keys: string[] = [];
  for (const text of texts) {
    if (text === '') continue;
    const key = typeof text === 'string' ? readKey(text) : undefined;
    if (key === undefined) return undefined;
    keys.push(key.toString('hex'));
  }
  return keys;
}

function readKey(text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  if (BASE64.test(text)) return Buffer.from(text, 'base64');
  if (text.length < CHARS_MIN || text.length > CHARS_MAX) return undefined;
  return Buffer.from(hkdfSync('sha256', text, '', INFO, SEAL_KEY_BYTES));
}
