// How an upstream's requests are shared out among its targets, and when a target gets none.

import * as z from 'zod';
import type { HashKey, OutlierPlan } from '../../gateway/snapshot.ts';
import {
  duration,
  durationOrNone,
  percentage,
  scalar,
  section,
  text,
  whole,
  word,
} from '../../gateway/units/config.ts';
import type { AffinityConfig, BalanceConfig } from './config.ts';

const algorithms = ['round-robin', 'least-requests', 'ewma', 'hash'] as const;
const keyKinds = ['ip', 'consumer', 'path'] as const;
// Of a header, cookie or query parameter (RFC 9110 §5.6.2).
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";
const NAMED_KEY = new RegExp(`^(header|cookie|query)\\.(${TOKEN})$`);
const COUNT_MAX = 1_000;
const REQUESTS_MAX = 1_000_000;
const FACTOR_MAX = 1_000;
// Workers look once per tick, and their ticks come late at times.
const SILENT_MS_MIN = 50;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;

function hashKey(): z.ZodType<HashKey> {
  return scalar({
    expected: 'ip, consumer, path, header.NAME, cookie.NAME or query.NAME',
    names: keyKinds,
    json: {
      anyOf: [{ enum: [...keyKinds] }, { type: 'string', pattern: `^(?:header|cookie|query)\\.${TOKEN}$|\\$\\{` }],
    },
    read: (value) => {
      const kind = keyKinds.find((known) => known === value);
      if (kind !== undefined) return { kind };
      const [, place, name = ''] = typeof value === 'string' ? (NAMED_KEY.exec(value) ?? []) : [];
      if (place === 'header') return { kind: place, name: name.toLowerCase() };
      return place === 'cookie' || place === 'query' ? { kind: place, name } : undefined;
    },
  });
}

const balanceSchema = z
  .union([
    word(algorithms),
    section({
      by: word(algorithms).describe('The algorithm.'),
      key: hashKey().optional().describe('What hash tells requests apart by; default: ip.'),
    }),
  ])
  .transform((balance): BalanceConfig => (typeof balance === 'string' ? { by: balance } : balance));

const affinitySchema = section({
  cookie: text('the name of a cookie', TOKEN, (value) => (new RegExp(`^${TOKEN}$`).test(value) ? value : undefined))
    .prefault('sluice_target')
    .describe('The name of the cookie that binds a client to a target.'),
  ttl: durationOrNone(SECOND_MS, YEAR_MS)
    .prefault('none')
    .describe('How long the binding lasts; none: until the browser is closed.'),
}).transform(({ cookie, ttl }): AffinityConfig => ({ cookie, ttlMs: ttl }));

const outliersSchema = section({
  consecutiveErrors: whole(0, COUNT_MAX)
    .prefault(5)
    .describe('Answers from 500 on, resets, timeouts and failed connects in a row; 0 for never.'),
  connectFailures: whole(0, COUNT_MAX).prefault(1).describe('Failed connects in a row; 0 for never.'),
  errors: percentage().prefault('50%').describe('The share of failed tries; 0% for never.'),
  slow: whole(0, FACTOR_MAX)
    .prefault(0)
    .describe("Mean latency, in multiples of the targets' median, and 10 ms above it at least; 0 for never."),
  silent: durationOrNone(SILENT_MS_MIN, 10 * MINUTE_MS)
    .prefault('none')
    .describe(
      'How long no try is answered, though consecutiveErrors of them (5 where that is 0) wait; none for never.',
    ),
  within: duration(SECOND_MS, 10 * MINUTE_MS)
    .prefault('10s')
    .describe('What errors and slow look back on.'),
  minRequests: whole(1, REQUESTS_MAX)
    .prefault(20)
    .describe('Tries of a target within that time, below which errors and slow say nothing.'),
  ejectFor: duration(100, 10 * MINUTE_MS)
    .prefault('10s')
    .describe('How long a target is out the first time; the n-th time in a row n times as long, at most 10 times.'),
  maxEjected: percentage().prefault('50%').describe('The share of the targets that may be out at once.'),
  panic: percentage()
    .prefault('50%')
    .describe('When fewer targets than this share are available, health is ignored and all are used.'),
}).transform(
  (outliers): OutlierPlan => ({
    consecutiveErrors: outliers.consecutiveErrors,
    connectFailures: outliers.connectFailures,
    errorShare: outliers.errors,
    windowMs: outliers.within,
    minRequests: outliers.minRequests,
    slowFactor: outliers.slow,
    silentMs: outliers.silent,
    ejectMs: outliers.ejectFor,
    ejectedShareMax: outliers.maxEjected,
    panicShare: outliers.panic,
  }),
);

/** Keys of an upstream. */
export const balancingShape = {
  balance: balanceSchema.prefault('round-robin').describe('By what a target is chosen.'),
  affinity: affinitySchema.optional().describe('Clients come back to the target that they were sent to first.'),
  slowStart: durationOrNone(SECOND_MS, HOUR_MS)
    .prefault('none')
    .describe('How long the share of a target that is new or has come back grows, from a tenth of its weight.'),
  outliers: outliersSchema.optional().describe('Targets that fail, or are too slow, get no requests for a while.'),
};
