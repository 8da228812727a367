// The section `groups`, and how documents of permissions are named.

import * as z from 'zod';
import { safeName, section } from '../../gateway/units/config.ts';
import type { GroupConfig } from './permission-config.ts';

const DOCUMENTS_MAX = 100;

export function permissionNames(): z.ZodType<readonly string[]> {
  return z.array(safeName()).max(DOCUMENTS_MAX);
}

export const groupSchema: z.ZodType<Omit<GroupConfig, 'name'>> = section({
  permissions: permissionNames().describe('What whoever is in it may do: names from permissions.'),
});
