// An item of `passwords` of a consumer: a user, and the password, hashed or in clear.

import { createHmac, randomBytes } from 'node:crypto';
import type * as z from 'zod';
import { hashPassword, normalizedPassword, parsePasswordHash } from '../../base/password-hash.ts';
import { section, text, timestamp } from '../../gateway/units/config.ts';
import type { PasswordConfig } from './consumer-config.ts';

// RFC 7617: no colon, since that ends it, and no control character.
const USERNAME = /^(?=.{1,128}$)[^:\p{C}\p{Z}](?:[^:\p{C}]*[^:\p{C}\p{Z}])?$/u;
const PASSWORD = /^[^\p{Cc}]{8,512}$/u;
// The same password gets the same hash with each reload: what was verified stays so. Of 1,000 such passwords 200 KB.
const HASHED_MAX = 1_000;

// Never the password itself, in clear or as a hash that is quick to guess by.
const memoryKey = randomBytes(32);
const hashed = new Map<string, string>();

export const passwordSchema: z.ZodType<PasswordConfig> = section({
  username: text('1 to 128 characters without a colon', '[^:]{1,128}', (value) =>
    USERNAME.test(value) ? value.normalize('NFC') : undefined,
  ).describe('Who says the password; shown in logs.'),
  hash: text(
    'a hash as sluice hash-password prints it: $scrypt$ln=15,r=8,p=1$SALT$HASH',
    '\\$scrypt\\$ln=[0-9]+,r=[0-9]+,p=[0-9]+\\$[A-Za-z0-9+/]+\\$[A-Za-z0-9+/]+',
    (value) => (parsePasswordHash(value) === undefined ? undefined : value),
  )
    .optional()
    .describe('The hash of the password, as sluice hash-password prints it.'),
  password: text('8 to 512 characters', '.{8,512}', (value) => (PASSWORD.test(value) ? value : undefined))
    .optional()
    .describe('The password itself instead, taken from the environment; hashed where it is read.'),
  notBefore: timestamp().optional().describe('From when on it counts: 2027-01-31 or 2027-01-31T12:00:00Z.'),
  expires: timestamp().optional().describe('Until when it counts.'),
})
  .superRefine(({ hash, password, notBefore = 0, expires = Number.POSITIVE_INFINITY }, context) => {
    const addIssue = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, params: { message } });
    if ((hash === undefined) === (password === undefined)) addIssue([], 'has one of hash and password');
    if (notBefore >= expires) addIssue(['expires'], 'is not after notBefore');
  })
  .transform(
    ({ username, hash, password = '', notBefore, expires }): PasswordConfig => ({
      username,
      hash: hash ?? hashOf(username, password),
      ...(notBefore !== undefined && { fromMs: notBefore }),
      ...(expires !== undefined && { untilMs: expires }),
    }),
  );

function hashOf(username: string, password: string): string {
  const digest = createHmac('sha256', memoryKey)
    .update(`${username}:${normalizedPassword(password)}`)
    .digest('base64');
  const hash = hashed.get(digest) ?? hashPassword(password);
  hashed.delete(digest);
  hashed.set(digest, hash);
  if (hashed.size > HASHED_MAX) hashed.delete(hashed.keys().next().value as string);
  return hash;
}
