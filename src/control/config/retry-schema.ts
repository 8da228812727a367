// The section `retries` of an upstream.

import type * as z from 'zod';
import { duration, durationOrNone, percentage, section, whole } from '../../gateway/units/config.ts';
import type { RetryConfig } from './config.ts';
import { failures } from './failure-words.ts';

const MINUTE_MS = 60_000;
const ATTEMPTS_MAX = 10;
// In 10⁻⁵ retries, it fits a word of shared memory.
const BURST_MAX = 10_000;

export const retrySchema: z.ZodType<RetryConfig> = section({
  attempts: whole(1, ATTEMPTS_MAX)
    .prefault(2)
    .describe('Further tries after the first; only of what may be repeated (idempotent methods, or not a byte sent).'),
  budget: percentage()
    .prefault('20%')
    .describe('Retries for requests, all workers together: 20% is one retry for five requests.'),
  minPerSecond: whole(0, 1_000).prefault(10).describe('Retries per second that the budget does not ask for.'),
  burst: whole(0, BURST_MAX).prefault(100).describe('Unused retries of the budget that may be saved up.'),
  perTry: durationOrNone(1, 10 * MINUTE_MS)
    .prefault('none')
    .describe(
      'How long a try that may be repeated waits for the head of its answer; none: as long as timeouts.response.',
    ),
  on: failures(['connect', 'reset', 'timeout'])
    .prefault(['connect', 'reset', 'timeout', 502, 503, 504])
    .describe('The failures that are retried.'),
  backoff: duration(0, MINUTE_MS)
    .prefault('25ms')
    .describe('A random time up to this before the first retry, up to twice as long before the next.'),
  backoffMax: duration(0, MINUTE_MS).prefault('250ms').describe('A retry waits at most so long.'),
}).transform(({ perTry, backoff, backoffMax, budget, ...retries }) => ({
  ...retries,
  budgetShare: budget,
  perTryMs: perTry,
  backoffMs: backoff,
  backoffMsMax: backoffMax,
}));
