// basic: a user and a password in the header Authorization (RFC 7617), of those that consumers have.

import type * as z from 'zod';
import { duration, section, text, whole } from '../../../units/config.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import type { BasicPlan } from './basic-plan.ts';

const FAILURES_DEFAULT = 10;
const FAILURES_MAX = 1_000;
const WINDOW_DEFAULT = '5m';
const WINDOW_MIN_MS = 1_000;
const WINDOW_MAX_MS = 86_400_000;
// Of a quoted string, without what needs an escape there.
const REALM = /^[ !#-[\]-~]{1,128}$/;

interface BasicConfig extends BasicPlan {
  /** '': the service's name. */
  readonly realm: string;
}

const schema: z.ZodType<BasicConfig> = section({
  realm: text('1 to 128 printable ASCII characters without " and \\', REALM.source.slice(1, -1), (value) =>
    REALM.test(value) ? value : undefined,
  )
    .optional()
    .describe('What clients show to their users who are asked for a password (default: the name of the service).'),
  failures: whole(1, FAILURES_MAX)
    .prefault(FAILURES_DEFAULT)
    .describe('So many wrong passwords are looked at for one user from one address within the window, per worker.'),
  window: duration(WINDOW_MIN_MS, WINDOW_MAX_MS)
    .prefault(WINDOW_DEFAULT)
    .describe('From the first of them on; then they are forgotten.'),
}).transform(({ realm = '', failures, window }) => ({ realm, failuresMax: failures, windowMs: window }));

export const basicConfig = defineAuthMethodConfig<BasicConfig, BasicPlan>({
  kind: 'basic',
  schema,
  credentials: () => [{ in: 'header', name: 'authorization' }],
  // Service names hold no quote or backslash (safeName).
  challenge: ({ realm }, service) => `Basic realm="${realm === '' ? service : realm}", charset="UTF-8"`,
  compile: ({ failuresMax, windowMs }) => ({ failuresMax, windowMs }),
});
