// The section `circuit` of an upstream.

import type * as z from 'zod';
import { parsePercentage } from '../../base/units.ts';
import { duration, section, text, whole } from '../../gateway/units/config.ts';
import type { CircuitConfig } from './config.ts';

const MINUTE_MS = 60_000;
// Buckets of a tenth: ten minutes are ten of a minute. Shorter than a second, one slow read would be a window.
const WITHIN_MS_MIN = 1_000;
const WITHIN_MS_MAX = 10 * MINUTE_MS;
const CALLS_MAX = 1_000_000;
// A trial's number has eight bits in shared memory.
const TRIALS_MAX = 100;

const slowSchema = section({
  above: duration(1, 10 * MINUTE_MS).describe('An answer whose head takes longer is slow.'),
  share: share().prefault('80%').describe('So many slow ones open the circuit.'),
}).transform(({ above, share }) => ({ aboveMs: above, share }));

export const circuitSchema: z.ZodType<CircuitConfig> = section({
  errors: share()
    .prefault('50%')
    .describe('So many failures open the circuit: no connection, no answer, an answer of 500 and above.'),
  slow: slowSchema.optional().describe('Slowness opens the circuit too.'),
  minRequests: whole(1, CALLS_MAX).prefault(20).describe('With fewer tries within the time, it stays closed.'),
  within: duration(WITHIN_MS_MIN, WITHIN_MS_MAX).prefault('10s').describe('How far back tries count.'),
  openFor: duration(100, 10 * MINUTE_MS)
    .prefault('5s')
    .describe('How long it gets no requests; each time that it opens again, twice as long, up to eight times.'),
  trials: whole(1, TRIALS_MAX)
    .prefault(3)
    .describe('Requests that are let through then: all have to succeed, and one failure opens it again.'),
}).transform(({ minRequests, within, openFor, ...circuit }) => ({
  ...circuit,
  callsMin: minRequests,
  withinMs: within,
  openMs: openFor,
}));

/** More than nothing: 0% would be reached by no failure at all. */
function share(): z.ZodType<number> {
  const expected = 'a percentage above 0% and up to 100%, such as 50%';
  return text(expected, '[0-9]{1,3}(?:\\.[0-9]{1,3})?%', (value) => {
    const parsed = parsePercentage(value);
    return parsed === 0 ? undefined : parsed;
  });
}
