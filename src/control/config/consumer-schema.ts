// The section `consumers`: who may call, and the keys that prove it.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { identity, safeName, section, text, timestamp, word } from '../../gateway/units/config.ts';
import type { ConsumerConfig, KeyConfig } from './consumer-config.ts';
import { CLAIM, GROUPS_MAX, KEYS_MAX, SECRET } from './consumer-rules.ts';
import { priority } from './load-schema.ts';
import { allowanceOf, allowanceShape, checkAllowance, quotaShape } from './plan-schema.ts';

const KEY_USES_MAX = 2;

export type ConsumerSection = Omit<ConsumerConfig, 'name'>;

const keySchema = section({
  id: identity().describe('Names the key in logs; never secret.'),
  use: z
    .array(word(['api-key', 'hmac']))
    .min(1)
    .max(KEY_USES_MAX)
    .prefault(['api-key'])
    .describe('What the key is for: to be sent as it is (api-key), to sign with (hmac), or both.'),
  secret: text('8 to 512 printable ASCII characters', '[!-~](?:[ -~]*[!-~])?', (value) =>
    SECRET.test(value) ? value : undefined,
  ).describe(
    '8 to 512 printable ASCII characters; better taken from the environment. Kept as SHA-256 only, or, where it signs, encrypted.',
  ),
  notBefore: timestamp().optional().describe('From when on it counts: 2027-01-31 or 2027-01-31T12:00:00Z.'),
  expires: timestamp()
    .optional()
    .describe('Until when it counts; two keys that overlap let a caller change from one to the other.'),
})
  .superRefine(({ notBefore = 0, expires = Number.POSITIVE_INFINITY }, context) => {
    if (notBefore < expires) return;
    context.addIssue({ code: 'custom', path: ['expires'], params: { message: 'is not after notBefore' } });
  })
  .transform(
    ({ id, use, secret, notBefore, expires }): KeyConfig => ({
      id,
      uses: [...new Set(use)],
      // Hashed where it is read: nothing behind this line sees the secret of a key that does not sign.
      sha256: createHash('sha256').update(secret).digest('hex'),
      ...(use.includes('hmac') && { secret }),
      ...(notBefore !== undefined && { fromMs: notBefore }),
      ...(expires !== undefined && { untilMs: expires }),
    }),
  );

export const consumerSchema: z.ZodType<ConsumerSection> = section(
  {
    keys: z.array(keySchema).max(KEYS_MAX).prefault([]).describe('The keys with which this consumer may call.'),
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
    groups: z.array(safeName()).max(GROUPS_MAX).optional().describe('What it belongs to, for the policy access.'),
    priority: priority().optional().describe('Who goes first at an upstream that is overloaded, 15 before 0.'),
  },
  ['certificates'],
)
  .superRefine(checkAllowance)
  .transform(({ keys, plan, claims, groups, priority, ...allowance }) => ({
    keys,
    ...(plan !== undefined && { plan }),
    ...(claims !== undefined && { claims }),
    ...(groups !== undefined && { groups }),
    ...(priority !== undefined && { priority }),
    ...allowanceOf(allowance),
  }));
