// Which requests go where else: `steer` and `mirror`, on a service or a route.

import * as z from 'zod';
import { condition } from '../../gateway/conditions/config.ts';
import type { StickyBy } from '../../gateway/snapshot.ts';
import { duration, percentage, safeName, scalar, section, size, text } from '../../gateway/units/config.ts';
import type { MirrorConfig, SteerConfig } from './config.ts';

// Each is asked of every request that none before it took.
const RULES_MAX = 32;
// What a body of a copy may hold; a worker holds 16 MiB of them together (gateway/backends/mirror.ts).
const MIRRORED_BYTES_MAX = 1024 * 1024;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
// What browsers keep a cookie for at most.
const COOKIE_HOURS_MAX = 400 * 24;
// RFC 6265: a token. No more than a browser takes together with its value.
const COOKIE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const PARAMETER_NAME = /^[^\s=&]{1,128}$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

type StickyKey = Exclude<StickyBy, { kind: 'cookie' }> | { readonly kind: 'cookie' };

function stickyBy(): z.ZodType<StickyKey> {
  return scalar({
    expected: 'cookie, ip, consumer, header.NAME or query.NAME',
    names: ['cookie', 'ip', 'consumer'],
    json: {
      anyOf: [{ enum: ['cookie', 'ip', 'consumer'] }, { type: 'string', pattern: '^(?:header|query)\\..+|\\$\\{' }],
    },
    read: readStickyBy,
  });
}

const stickySchema = section({
  by: stickyBy().describe('What a client is known by: cookie, ip, consumer, header.NAME or query.NAME.'),
  cookie: text('the name of a cookie', COOKIE_NAME.source.slice(1, -1), (value) =>
    COOKIE_NAME.test(value) ? value : undefined,
  )
    .optional()
    .describe('The cookie that the gateway sets where a client has none, by: cookie; default sluice-steer.'),
  maxAge: duration(SECOND_MS, COOKIE_HOURS_MAX * HOUR_MS)
    .optional()
    .describe('How long a client keeps that cookie; default 720h.'),
})
  .superRefine(({ by, ...ofCookie }, context) => {
    if (by.kind === 'cookie') return;
    for (const key of ['cookie', 'maxAge'] as const) {
      if (ofCookie[key] !== undefined) addProblem(context, [key], 'is for by: cookie');
    }
  })
  .transform(({ by, cookie, maxAge }): StickyBy => {
    if (by.kind !== 'cookie') return by;
    const maxAgeMs = maxAge ?? 720 * HOUR_MS;
    return { kind: 'cookie', name: cookie ?? 'sluice-steer', maxAgeSeconds: Math.floor(maxAgeMs / SECOND_MS) };
  });

const ruleSchema = section({
  name: safeName().optional().describe('For the access log; default steer.1, steer.2 … by its place in the list.'),
  when: condition().optional().describe('Which requests the rule is for; default: all that come to it.'),
  upstream: safeName().describe('Where they go.'),
  share: percentage().optional().describe('How many of them; default: all.'),
  sticky: stickySchema.optional().describe('Let a client always have the same lot; default: chance decides each time.'),
}).superRefine(({ when, share, sticky }, context) => {
  if (when === undefined && share === undefined) {
    addProblem(context, [], 'takes every request: it needs when, share or both');
  }
  if (sticky !== undefined && share === undefined) addProblem(context, ['sticky'], 'has no effect without share');
});

export const steerSchema: z.ZodType<readonly SteerConfig[]> = z
  .array(ruleSchema)
  .max(RULES_MAX)
  .superRefine((rules, context) => {
    for (const [index, { name }] of rules.entries()) {
      if (name === undefined || rules.findIndex((other) => other.name === name) === index) continue;
      addProblem(context, [index, 'name'], 'another rule of this list has this name');
    }
  })
  .transform((rules) =>
    rules.map(
      ({ name, when, upstream, share, sticky }, index): SteerConfig => ({
        name: name ?? `steer.${index + 1}`,
        upstream,
        share: share ?? 1,
        ...(when !== undefined && { when }),
        ...(sticky !== undefined && { sticky }),
      }),
    ),
  );

export const mirrorSchema: z.ZodType<MirrorConfig> = section({
  upstream: safeName().describe('The upstream that gets the copies.'),
  sample: percentage().prefault('100%').describe('The share of requests that are copied; 0% for none.'),
  bodyBytesMax: size(0, MIRRORED_BYTES_MAX)
    .prefault('64KiB')
    .describe('Requests with a larger body are not copied, and counted.'),
}).transform(({ upstream, sample, bodyBytesMax }) => ({ upstream, sampleShare: sample, bodyBytesMax }));

function readStickyBy(value: unknown): StickyKey | undefined {
  if (value === 'cookie' || value === 'ip' || value === 'consumer') return { kind: value };
  const [, kind, name = ''] = typeof value === 'string' ? (/^(header|query)\.(.+)$/.exec(value) ?? []) : [];
  if (kind === 'header' && HEADER_NAME.test(name)) return { kind, name: name.toLowerCase() };
  return kind === 'query' && PARAMETER_NAME.test(name) ? { kind, name } : undefined;
}

function addProblem(context: z.RefinementCtx, path: (string | number)[], message: string): void {
  context.addIssue({ code: 'custom', path, params: { message } });
}
