// What requests about operators carry.

import * as z from 'zod';
import { builtInRoles } from '../../gateway/permissions/built-in-roles.ts';
import { permissionDocument } from '../../gateway/permissions/config.ts';
import { duration, section, text, word } from '../../gateway/units/config.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIFE_MS_MAX = 3_650 * DAY_MS;
const OVERLAP_MS_MAX = 30 * DAY_MS;
const ROLES_MAX = 20;
const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
// They stand in the audit log for what no operator did.
const RESERVED = ['anonymous', 'file', 'nobody', 'process'];

const name = text(
  `a name of 1 to 64 small letters, digits and . _ @ -, which begins with a letter or digit and is none of ${RESERVED.join(', ')}`,
  NAME.source.slice(1, -1),
  (value) => (NAME.test(value) && !RESERVED.includes(value) ? value : undefined),
);

const role = word([...builtInRoles.keys()]);
const expiresIn = duration(1_000, LIFE_MS_MAX)
  .optional()
  .describe('How long the token is valid, as 720h; absent: always.');
const roles = z.array(role).max(ROLES_MAX).describe('Names of roles.');
const permissions = permissionDocument.optional().describe('A document of permissions beside the roles.');

export const newOperatorSchema = section({ name, roles, permissions, expiresIn });
export const operatorSchema = section({ roles, permissions });
export const newTokenSchema = section({ expiresIn });
export const rotateSchema = section({
  expiresIn,
  overlap: duration(0, OVERLAP_MS_MAX).prefault('1h').describe('How long the old token is valid beside the new one.'),
});
