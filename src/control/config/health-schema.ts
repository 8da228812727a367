// An upstream's `health`: how its targets are asked whether they are well.

import * as z from 'zod';
import { duration, flag, scalar, section, text, whole } from '../../gateway/units/config.ts';
import type { HealthConfig } from './config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

type Range = readonly [from: number, to: number];

const HOUR_MS = 3_600_000;
const TIMES_MAX = 100;
const RANGES_MAX = 32;
const PATH = '/[!-"$-~]*';
const PATH_CHARS_MAX = 2_048;
const AUTHORITY = '(?:[A-Za-z0-9._-]{1,253}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::[0-9]{1,5})?';
const STATUS_MIN = 200;
const STATUS_MAX = 599;

export type HealthSection = z.infer<typeof healthSchema>;

export const healthSchema = section({
  path: text(`a path such as /healthz, of at most ${PATH_CHARS_MAX} visible ASCII characters`, PATH, (value) =>
    value.length <= PATH_CHARS_MAX && new RegExp(`^${PATH}$`).test(value) ? value : undefined,
  )
    .optional()
    .describe(
      "What targets are asked for with GET, after a target's base path. Without it, connecting over TCP is the check.",
    ),
  tcp: flag().optional().describe('true says that connecting is the check; that is so wherever no path is given.'),
  interval: duration(100, HOUR_MS).prefault('2s').describe('From one check of a target to the next, on average.'),
  timeout: duration(10, HOUR_MS).prefault('1s').describe('How long a check may take, connecting included.'),
  unhealthyAfter: whole(1, TIMES_MAX)
    .prefault(3)
    .describe('Checks in a row that have to fail before a healthy target gets no more requests.'),
  healthyAfter: whole(1, TIMES_MAX)
    .prefault(2)
    .describe('Checks in a row that have to succeed before an unhealthy target gets requests again.'),
  status: z
    .union([
      statusRange().transform((range): readonly Range[] => [range]),
      z.array(statusRange()).min(1).max(RANGES_MAX),
    ])
    .optional()
    .describe('Statuses that are healthy: one, a range such as 200-399, or a list of these; default: 200-399.'),
  host: text('a host such as orders.internal or orders.internal:8080', AUTHORITY, (value) =>
    new RegExp(`^${AUTHORITY}$`).test(value) ? value : undefined,
  )
    .optional()
    .describe("The Host header of the checks; default: the target's."),
});

/** What its parts mean for each other. */
export function checkHealth(health: HealthSection, path: Path, report: Report): void {
  if (health.path !== undefined) {
    if (health.tcp === true) report.add([...path, 'tcp'], { message: 'does not go with path', isAboutKey: true });
    return;
  }
  if (health.tcp === false) report.add(path, { message: 'is no check', expected: 'a path, or tcp: true' });
  for (const key of ['host', 'status'] as const) {
    if (health[key] !== undefined)
      report.add([...path, key], { message: 'has no effect without path', isAboutKey: true });
  }
}

export function healthConfig(health: HealthSection): HealthConfig {
  return {
    path: health.path ?? '',
    host: health.host ?? '',
    intervalMs: health.interval,
    timeoutMs: health.timeout,
    unhealthyAfter: health.unhealthyAfter,
    healthyAfter: health.healthyAfter,
    statuses: health.status ?? [[200, 399]],
  };
}

function statusRange(): z.ZodType<Range> {
  const status = '[2-5][0-9]{2}';
  return scalar<Range>({
    expected: `a status from ${STATUS_MIN} to ${STATUS_MAX}, or a range of them such as 200-399`,
    json: {
      anyOf: [
        { type: 'integer', minimum: STATUS_MIN, maximum: STATUS_MAX },
        { type: 'string', pattern: `^${status}(?:-${status})?$|\\$\\{` },
      ],
    },
    read: (value) => {
      const [, from, to = from] = new RegExp(`^(${status})(?:-(${status}))?$`).exec(String(value)) ?? [];
      return from !== undefined && Number(from) <= Number(to) ? [Number(from), Number(to)] : undefined;
    },
  });
}
