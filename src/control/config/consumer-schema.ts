// The section `consumers`: who may call, and the keys that prove it.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { identity, safeName, section, text, timestamp, word } from '../../gateway/units/config.ts';
import { certificateSchema } from './client-certificate-schema.ts';
import type { ConsumerConfig, KeyConfig, KeyUse } from './consumer-config.ts';
import { CLAIM, GROUPS_MAX, KEYS_MAX, SECRET } from './consumer-rules.ts';
import { permissionNames } from './group-schema.ts';
import { priority } from './load-schema.ts';
import { passwordSchema } from './password-schema.ts';
import { allowanceOf, allowanceShape, checkAllowance, quotaShape } from './plan-schema.ts';
import { publicKeyExpected, readPublicKey } from './public-key.ts';

const KEY_USES_MAX = 3;
const PASSWORDS_MAX = 100;
const CERTIFICATES_MAX = 100;

export type ConsumerSection = Omit<ConsumerConfig, 'name'>;

const keySchema = section({
  id: identity().describe('Names the key in logs; never secret.'),
  use: z
    .array(word(['api-key', 'hmac', 'http-signature']))
    .min(1)
    .max(KEY_USES_MAX)
    .prefault(['api-key'])
    .describe(
      'What the key is for: to be sent as it is (api-key), to sign with (hmac), or both; a public key, to check signatures (http-signature).',
    ),
  secret: text('8 to 512 printable ASCII characters', '[!-~](?:[ -~]*[!-~])?', (value) =>
    SECRET.test(value) ? value : undefined,
  )
    .optional()
    .describe(
      '8 to 512 printable ASCII characters; better taken from the environment. Kept as SHA-256 only, or, where it signs, encrypted.',
    ),
  publicKey: text(publicKeyExpected, '[^]*BEGIN PUBLIC KEY[^]*', readPublicKey)
    .optional()
    .describe('Instead of a secret, for http-signature: PEM; Ed25519, ECDSA on P-256 or P-384, or RSA.'),
  notBefore: timestamp().optional().describe('From when on it counts: 2027-01-31 or 2027-01-31T12:00:00Z.'),
  expires: timestamp()
    .optional()
    .describe('Until when it counts; two keys that overlap let a caller change from one to the other.'),
})
  .superRefine(({ use, secret, publicKey }, context) => {
    const message = problemOfUse(use, secret, publicKey);
    // What is wrong with either is told already.
    if (message !== '' && context.issues.length === 0)
      context.addIssue({ code: 'custom', path: [], params: { message } });
  })
  .superRefine(({ notBefore = 0, expires = Number.POSITIVE_INFINITY }, context) => {
    if (notBefore < expires) return;
    context.addIssue({ code: 'custom', path: ['expires'], params: { message: 'is not after notBefore' } });
  })
  .transform(
    ({ id, use, secret, publicKey, notBefore, expires }): KeyConfig => ({
      id,
      uses: [...new Set(use)],
      // Hashed where it is read: nothing behind this line sees the secret of a key that does not sign.
      sha256: secret === undefined ? '' : createHash('sha256').update(secret).digest('hex'),
      ...(use.includes('hmac') && { secret }),
      ...(publicKey !== undefined && { publicKey }),
      ...(notBefore !== undefined && { fromMs: notBefore }),
      ...(expires !== undefined && { untilMs: expires }),
    }),
  );

/** @returns '' when the key has what its uses need */
function problemOfUse(use: readonly KeyUse[], secret: string | undefined, publicKey: unknown): string {
  const isPublic = use.includes('http-signature');
  if (isPublic && use.length > 1) return 'is a public key: use [http-signature] alone; a secret signs with [hmac]';
  if (isPublic) return publicKey === undefined || secret !== undefined ? 'needs publicKey, and no secret' : '';
  return secret === undefined || publicKey !== undefined ? 'needs secret, and no publicKey' : '';
}

export const consumerSchema: z.ZodType<ConsumerSection> = section({
  keys: z.array(keySchema).max(KEYS_MAX).prefault([]).describe('The keys with which this consumer may call.'),
  passwords: z
    .array(passwordSchema)
    .max(PASSWORDS_MAX)
    .optional()
    .describe('The users and passwords with which this consumer may call, for the method basic.'),
  certificates: z
    .array(certificateSchema)
    .max(CERTIFICATES_MAX)
    .optional()
    .describe('What the certificates of its clients say, for the method mtls.'),
  plan: safeName().optional().describe('What it may do, unless it is said here.'),
  ...allowanceShape(),
  ...quotaShape(),
  claims: z
    .record(
      safeName(),
      text('1 to 256 characters', '.{1,256}', (value) => (CLAIM.test(value) ? value : undefined)),
    )
    .optional()
    .describe('What is known of it, for limits by claim.NAME: { tenant: acme }.'),
  groups: z
    .array(safeName())
    .max(GROUPS_MAX)
    .optional()
    .describe('What it belongs to, for the policies access and permissions.'),
  permissions: permissionNames()
    .optional()
    .describe('What it may do, besides what its groups may: names from permissions.'),
  priority: priority().optional().describe('Who goes first at an upstream that is overloaded, 15 before 0.'),
})
  .superRefine(checkAllowance)
  .transform(({ keys, passwords, certificates, plan, claims, groups, permissions, priority, ...allowance }) => ({
    keys,
    ...(passwords !== undefined && { passwords }),
    ...(certificates !== undefined && { certificates }),
    ...(plan !== undefined && { plan }),
    ...(claims !== undefined && { claims }),
    ...(groups !== undefined && { groups }),
    ...(permissions !== undefined && { permissions }),
    ...(priority !== undefined && { priority }),
    ...allowanceOf(allowance),
  }));
