// What requests about consumers and keys carry.

import * as z from 'zod';
import {
  duration,
  flag,
  identity,
  safeName,
  section,
  text,
  timestamp,
  whole,
  word,
} from '../../gateway/units/config.ts';
import { CLAIM, GROUPS_MAX, PRIORITY_MAX, SECRET } from '../config/consumer-rules.ts';
import { permissionNames } from '../config/group-schema.ts';

const OVERLAP_MS_MAX = 90 * 86_400_000;
const CLAIMS_MAX = 100;

const plan = safeName().describe('A plan of sluice.yaml.');
const priority = whole(0, PRIORITY_MAX).describe('Who goes first at an upstream that is overloaded, 15 before 0.');
const groups = z.array(safeName()).max(GROUPS_MAX).describe('What it belongs to, for the policy access.');
const permissions = permissionNames().describe('Documents of sluice.yaml: what it may do, and may not.');
const claims = z
  .record(
    safeName(),
    text('1 to 256 characters', '.{1,256}', (value) => (CLAIM.test(value) ? value : undefined)),
  )
  .refine((all) => Object.keys(all).length <= CLAIMS_MAX)
  .describe('What is known of it, for limits by claim.NAME.');
const secret = text('8 to 512 printable ASCII characters', '[!-~](?:[ -~]*[!-~])?', (value) =>
  SECRET.test(value) ? value : undefined,
);
const expires = timestamp().describe('Until when it counts: 2027-01-31 or 2027-01-31T12:00:00Z.');
const notBefore = timestamp().describe('From when on it counts.');
const id = identity().describe('Names the key in logs; never secret. One is made if none is said.');

export const consumerBody = section({
  plan: plan.optional(),
  priority: priority.optional(),
  groups: groups.optional(),
  permissions: permissions.optional(),
  claims: claims.optional(),
});

/** null takes away; what is not said stays. */
export const consumerPatchBody = section({
  plan: plan.nullable().optional(),
  priority: priority.nullable().optional(),
  groups: groups.nullable().optional(),
  permissions: permissions.nullable().optional(),
  claims: claims.nullable().optional(),
});

export const newKeyBody = section({
  id: id.optional(),
  use: z
    .array(word(['api-key', 'hmac']))
    .min(1)
    .max(2)
    .prefault(['api-key'])
    .describe('What the key is for: to be sent as it is (api-key), to sign with (hmac), or both.'),
  secret: secret.optional().describe('If none is said, one is made, and shown in the answer: there only.'),
  notBefore: notBefore.optional(),
  expires: expires.optional(),
});

export const keyPatchBody = section({
  notBefore: notBefore.nullable().optional(),
  expires: expires.nullable().optional(),
  disabled: flag().optional().describe('A disabled key counts for nothing until it is enabled again.'),
});

export const rotateBody = section({
  overlap: duration(0, OVERLAP_MS_MAX).describe('How long the old key counts beside the new one; 0 for not at all.'),
  id: id.optional(),
  secret: secret.optional(),
  expires: expires.optional(),
});

export type NewKeyBody = z.output<typeof newKeyBody>;
export type RotateBody = z.output<typeof rotateBody>;
