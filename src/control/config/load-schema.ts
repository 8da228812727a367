// The section `concurrency` of an upstream, and the priorities that its queue goes by. What the parts mean for each other is
// said here, too: whether there is a limit at all depends on two of them.

import * as z from 'zod';
import { duration, flag, type Problem, section, whole } from '../../gateway/units/config.ts';
import { LEVEL_COUNT } from '../../shm/load-table.ts';
import type { LoadConfig } from './config.ts';

const REQUESTS_MAX = 1_000_000;
// Whoever waits longer is better told to come again.
const QUEUE_MS_MAX = 10_000;
const QUEUE_LENGTH_MAX = 10_000;
const MIN_DEFAULT = 4;
const MAX_DEFAULT = 1_000;

export const loadSchema: z.ZodType<LoadConfig> = section({
  adaptive: flag().prefault(false).describe('Find the limit out from the latency, between min and max.'),
  min: whole(1, REQUESTS_MAX).optional().describe(`Of an adaptive limit; default ${MIN_DEFAULT}.`),
  max: whole(1, REQUESTS_MAX)
    .optional()
    .describe(`The limit; of an adaptive one the highest, by default ${MAX_DEFAULT}.`),
  queue: duration(0, QUEUE_MS_MAX)
    .prefault('50ms')
    .describe('How long a request may wait for its place; 0 for not at all.'),
  queueLength: whole(0, QUEUE_LENGTH_MAX).prefault(256).describe('How many may wait, per worker.'),
}).transform(({ adaptive, min, max, queue, queueLength }, context): LoadConfig => {
  const problem = problemOf(adaptive, min, max);
  if (problem !== undefined) {
    const { key, ...params } = problem;
    context.issues.push({ code: 'custom', input: { adaptive, min, max }, path: [key], params });
    return z.NEVER;
  }
  const most = max ?? MAX_DEFAULT;
  return { adaptive, min: min ?? Math.min(MIN_DEFAULT, most), max: most, queueMs: queue, queueLength };
});

export function priority(): z.ZodType<number> {
  return whole(0, LEVEL_COUNT - 1);
}

function problemOf(
  adaptive: boolean,
  min: number | undefined,
  max: number | undefined,
): (Problem & { readonly key: string }) | undefined {
  if (!adaptive && max === undefined) {
    return { key: 'max', message: 'is missing: a limit that is not adaptive needs it' };
  }
  if (!adaptive && min !== undefined) {
    return { key: 'min', message: 'is of an adaptive limit only: adaptive: true is missing' };
  }
  if (min !== undefined && min > (max ?? MAX_DEFAULT)) {
    return { key: 'min', message: `is more than max, which is ${max ?? MAX_DEFAULT}` };
  }
  return undefined;
}
