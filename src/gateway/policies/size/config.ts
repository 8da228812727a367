// size: how large requests may be, where that is less than what holds for all of them (gateway.limits).

import type * as z from 'zod';
import { section, size } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { SizePlan } from './size-plan.ts';

const GIB = 1024 * 1024 * 1024;
// The listener refuses what is larger anyway.
const HEADER_BYTES_MAX = 1024 * 1024;
const QUERY_BYTES_MAX = 8 * 1024;

const schema: z.ZodType<SizePlan> = section({
  body: size(0, 1024 * GIB)
    .optional()
    .describe('Of the body; one of unknown length is cut off when it gets there.'),
  headers: size(1, HEADER_BYTES_MAX).optional().describe('Of all headers together, names included.'),
  query: size(0, QUERY_BYTES_MAX).optional().describe('Of the query, without its question mark.'),
})
  .superRefine(({ body, headers, query }, context) => {
    if (body !== undefined || headers !== undefined || query !== undefined) return;
    context.addIssue({ code: 'custom', params: { message: 'does nothing: it needs body, headers or query' } });
  })
  .transform(({ body, headers, query }) => ({
    ...(body !== undefined && { bodyBytesMax: body }),
    ...(headers !== undefined && { headerBytesMax: headers }),
    ...(query !== undefined && { queryBytesMax: query }),
  }));

export const sizeConfig = definePolicyConfig<SizePlan, SizePlan>({
  name: 'size',
  schema,
  stage: () => 'perimeter',
  compile: (config) => config,
});
