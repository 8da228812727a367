// The section `gateway.explain`: who may ask how a request was decided.

import * as z from 'zod';
import { addressBlock, section, text } from '../../gateway/units/config.ts';
import type { ExplainConfig } from './config.ts';

const FROM_MAX = 1_024;
// Signs what anybody may try: longer than a password.
const SECRET = /^[!-~]{16,512}$/;

export const explainSchema: z.ZodType<ExplainConfig> = section({
  from: z
    .array(addressBlock())
    .max(FROM_MAX)
    .prefault([])
    .describe('Addresses and CIDR blocks of clients whose requests are explained when they ask.'),
  secret: text('16 to 512 printable ASCII characters without spaces', '[!-~]{16,512}', (value) =>
    SECRET.test(value) ? value : undefined,
  )
    .optional()
    .describe('Requests that are signed with it are explained wherever they come from; take it from the environment.'),
})
  .superRefine(({ from, secret }, context) => {
    if (from.length > 0 || secret !== undefined) return;
    const message = 'allows nobody: it needs from or secret';
    context.addIssue({ code: 'custom', path: [], params: { message } });
  })
  .transform(({ from, secret = '' }) => ({ from, secret }));
