// The section `gateway.mask`, and whether queries are written down at all.

import * as z from 'zod';
import { linearRegex } from '../../gateway/conditions/config.ts';
import { section, text, word } from '../../gateway/units/config.ts';
import type { MaskConfig } from './access-log-config.ts';

const ITEMS_MAX = 100;
const PARAMETER = /^[^&=#\s]{1,128}$/;

/** Of log lines or spans. */
export function queryLogging() {
  return word(['none', 'masked'])
    .prefault('none')
    .describe('Queries: none, or masked: with *** for the values of parameters that are secrets (gateway.mask).');
}

export const maskSchema: z.ZodType<MaskConfig> = section({
  query: z
    .array(
      text('the name of a parameter', PARAMETER.source.slice(1, -1), (value) =>
        PARAMETER.test(value) ? value.toLowerCase() : undefined,
      ),
    )
    .max(ITEMS_MAX)
    .prefault([])
    .describe('Parameters whose values are masked, in any case, besides those that are always.'),
  path: z
    .array(linearRegex())
    .max(ITEMS_MAX)
    .prefault([])
    .describe('Regular expressions; a segment of a path that one of them matches is masked.'),
  presets: z
    .array(word(['emails', 'cards', 'tokens']))
    .prefault([])
    .describe('What is masked by its look, in paths, queries and user agents.'),
});
