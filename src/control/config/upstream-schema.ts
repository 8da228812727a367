// The section `upstreams`: where requests go.

import * as z from 'zod';
import { duration, durationOrNone, section, text, whole } from '../../gateway/units/config.ts';
import type { TargetConfig, UpstreamConfig } from './config.ts';

const TARGETS_MAX = 256;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export type UpstreamSection = Omit<UpstreamConfig, 'name'>;

function targetUrl(): z.ZodType<Omit<TargetConfig, 'weight'>> {
  return text(
    'a URL such as http://host:port or https://host:port/base, without user, query and fragment',
    'https?://[^\\s/?#@]+(?:/[^\\s?#]*)?',
    readTarget,
  );
}

const targetSchema = z
  .union([
    targetUrl(),
    section(
      {
        url: targetUrl().describe('http://host:port or https://host:port, with a base path or without.'),
        weight: whole(1, 1_000).prefault(1).describe('Its share of the requests, against the weights of the others.'),
      },
      ['zone'],
    ),
  ])
  .transform(
    (target): TargetConfig => ('url' in target ? { ...target.url, weight: target.weight } : { ...target, weight: 1 }),
  );

const timeoutsSchema = section({
  connect: duration(1, HOUR_MS).prefault('1s').describe('Until a connection stands.'),
  response: duration(1, HOUR_MS)
    .prefault('60s')
    .describe("From the request's last byte sent to the head of the answer."),
  idle: duration(1, HOUR_MS).prefault('60s').describe('Between two pieces of a body, either way.'),
  total: durationOrNone(1, DAY_MS)
    .prefault('none')
    .describe("From the request's first byte to the answer's last; none for no such limit."),
}).transform(({ connect, response, idle, total }) => ({
  connectMs: connect,
  responseMs: response,
  idleMs: idle,
  totalMs: total,
}));

export const upstreamSchema: z.ZodType<UpstreamSection> = section(
  {
    targets: z.array(targetSchema).min(1).max(TARGETS_MAX).describe('The servers that share the requests.'),
    timeouts: timeoutsSchema.prefault({}).describe('How long each part of a request may take.'),
    connections: whole(1, 10_000).prefault(256).describe('Connections to each target, per worker.'),
  },
  ['balance', 'circuit', 'discovery', 'health', 'http2', 'retries', 'tls'],
).transform((upstream) => ({
  ...upstream,
  keepAlive: { idleTimeoutMs: 4_000, min: 0 },
  pipelining: 1,
  http2: false,
}));

/** No more is accepted than is written: a URL that the parser would repair (http:/h, http://h\p) is refused. */
function readTarget(value: string): Omit<TargetConfig, 'weight'> | undefined {
  if (!/^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/i.test(value) || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  if (url.port === '0' || url.hostname === '') return undefined;
  return { origin: url.origin, authority: url.host, socketPath: '', basePath: url.pathname.replace(/\/+$/, '') };
}
