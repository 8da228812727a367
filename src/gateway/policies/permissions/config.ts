// permissions: whether the caller's permissions allow it to call this route. What they are is written under `permissions`,
// `groups` and `consumers`.

import type * as z from 'zod';
import { section, text } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { PermissionsPlan } from './permissions-plan.ts';

const ACTION = /^[A-Za-z0-9:._/-]{1,128}$/;
const RESOURCE = /^[^*?${}\p{Cc}]{1,256}$/u;

interface PermissionsConfig {
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
}

const schema: z.ZodType<PermissionsConfig> = section({
  action: text('an action such as orders:Read, without wildcards', '[A-Za-z0-9:._/-]{1,128}', (value) =>
    ACTION.test(value) ? value.toLowerCase() : undefined,
  )
    .optional()
    .describe('What calling it is, in the words of the documents; invoke:METHOD, with HEAD as GET, if it is not said.'),
  resource: text('a resource such as orders/archive, without wildcards and variables', '[^*?${}]{1,256}', (value) =>
    RESOURCE.test(value) ? value : undefined,
  )
    .optional()
    .describe('What it is done to; service/SERVICE/route/ROUTE if it is not said.'),
});

export const permissionsConfig = definePolicyConfig<PermissionsConfig, PermissionsPlan>({
  name: 'permissions',
  schema,
  stage: () => 'authorise',
  compile: ({ action, resource }, context) => ({
    ...(action !== undefined && { action }),
    resource: resource ?? `service/${context.service}/route/${context.route}`,
  }),
});
