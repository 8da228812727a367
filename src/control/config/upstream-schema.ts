// The section `upstreams`: where requests go.

import * as z from 'zod';
import { duration, durationOrNone, flag, scalar, section, text, whole } from '../../gateway/units/config.ts';
import { balancingShape } from './balancing-schema.ts';
import { circuitSchema } from './circuit-schema.ts';
import type { TargetConfig, UpstreamConfig } from './config.ts';
import { type DiscoverySection, discoverySchema } from './discovery-schema.ts';
import { fallbackSchema } from './fallback-schema.ts';
import { filePath } from './file-path.ts';
import { type HealthSection, healthSchema } from './health-schema.ts';
import { loadSchema } from './load-schema.ts';
import { retrySchema } from './retry-schema.ts';

const TARGETS_MAX = 256;
const CONNECTIONS_MAX = 10_000;
// Prototypes gained from 8 to 16; the deeper, the more requests one slow answer holds up.
const PIPELINING_MAX = 64;
// What the system has room for (sun_path, 108 bytes with a zero at the end); Node cuts off what is longer.
const SOCKET_PATH_BYTES_MAX = 107;
const SOCKET = /^unix:(\/[^\s:?#]*[^\s:?#/])(?::(\/[^\s?#\\]*))?$/;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface UpstreamSection extends Omit<UpstreamConfig, 'name' | 'targets' | 'discovery' | 'health' | 'tls'> {
  /** Or discovery. */
  readonly targets?: readonly TargetConfig[] | undefined;
  readonly discovery?: DiscoverySection | undefined;
  readonly health?: HealthSection | undefined;
  readonly tls?: UpstreamTlsSection | undefined;
}

/** Paths of files, as written. */
export interface UpstreamTlsSection {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly verify: boolean;
}

function targetUrl(): z.ZodType<Omit<TargetConfig, 'weight'>> {
  const expected =
    'a URL such as http://host:port, https://host:port/base or unix:/run/app.sock, without user, query and fragment';
  const pattern = '^(?:https?://[^\\s/?#@]+(?:/[^\\s?#]*)?|unix:/[^\\s:?#]+(?::/[^\\s?#]*)?)$';
  return scalar({
    expected,
    json: { type: 'string', pattern: `${pattern}|\\$\\{` },
    read: (value) => (typeof value === 'string' ? (readSocket(value) ?? readTarget(value)) : undefined),
    explain: (value) => {
      const [, path = ''] = typeof value === 'string' ? (SOCKET.exec(value) ?? []) : [];
      return isTooLong(path) ? `the path of a Unix socket has at most ${SOCKET_PATH_BYTES_MAX} bytes` : undefined;
    },
  });
}

const targetSchema = z
  .union([
    targetUrl(),
    section(
      {
        url: targetUrl().describe('http://host:port, https://host:port or unix:/path, with a base path or without.'),
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

const keepAliveSchema = section({
  idleTimeout: duration(100, HOUR_MS).prefault('4s').describe('How long an unused connection is kept.'),
  min: whole(0, CONNECTIONS_MAX)
    .prefault(0)
    .describe('Connections to each target, per worker, that are kept though nobody uses them.'),
}).transform(({ idleTimeout, min }) => ({ idleTimeoutMs: idleTimeout, min }));

const tlsSchema = section({
  ca: filePath()
    .optional()
    .describe("A PEM file: whose certificates are believed, instead of the system's authorities."),
  cert: filePath().optional().describe('A PEM file: the client certificate, with those that lead to its authority.'),
  key: filePath().optional().describe('A PEM file: the private key of cert, without a passphrase.'),
  serverName: hostName()
    .optional()
    .describe("The name that the targets' certificates must have, and that is asked for (SNI); default: the target's."),
  verify: flag().prefault(true).describe('false accepts any certificate.'),
});

export const targetsSchema: z.ZodType<readonly TargetConfig[]> = z.array(targetSchema).min(1).max(TARGETS_MAX);

export const upstreamSchema: z.ZodType<UpstreamSection> = section({
  targets: targetsSchema.optional().describe('The servers that share the requests; this or discovery.'),
  discovery: discoverySchema.optional().describe('Where the servers are found that share the requests.'),
  health: healthSchema.optional().describe('How targets are asked whether they are well; without it they are not.'),
  timeouts: timeoutsSchema.prefault({}).describe('How long each part of a request may take.'),
  connections: whole(1, CONNECTIONS_MAX).prefault(256).describe('Connections to each target, per worker.'),
  keepAlive: keepAliveSchema.prefault({}).describe('What becomes of connections that nobody uses.'),
  pipelining: whole(1, PIPELINING_MAX)
    .prefault(1)
    .describe('Requests (idempotent, without a body) that may be under way on one connection; 1 for no pipelining.'),
  http2: flag().prefault(false).describe('Speak HTTP/2 with the targets, which are all https.'),
  tls: tlsSchema.optional().describe('Of the https targets.'),
  ...balancingShape,
  circuit: circuitSchema
    .optional()
    .describe('Give it no requests for a while when it fails; absent: it always gets them.'),
  retries: retrySchema.optional().describe('Try again what failed; absent: nothing is.'),
  concurrency: loadSchema
    .optional()
    .describe('Requests under way at once, all workers together; none: as many as come.'),
  fallback: fallbackSchema.optional().describe('What answers instead when it does not.'),
});

/** In lower case. No address: servers are not asked for one (RFC 6066 §3). */
function hostName(): z.ZodType<string> {
  const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
  const pattern = `(?:${label}\\.)*(?=[A-Za-z0-9_-]*[A-Za-z])${label}`;
  return text('a host name such as orders.example', pattern, (value) =>
    value.length <= 253 && new RegExp(`^${pattern}$`).test(value) ? value.toLowerCase() : undefined,
  );
}

function isTooLong(socketPath: string): boolean {
  return Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX;
}

/** unix:/run/app.sock, and a base path after another colon, as nginx has it. */
function readSocket(value: string): Omit<TargetConfig, 'weight'> | undefined {
  const [, socketPath = '', base = '/'] = SOCKET.exec(value) ?? [];
  if (socketPath === '' || isTooLong(socketPath)) return undefined;
  const { host, pathname } = new URL(`http://localhost${base}`);
  return { origin: `unix:${socketPath}`, authority: host, socketPath, basePath: pathname.replace(/\/+$/, '') };
}

/** No more is accepted than is written: a URL that the parser would repair (http:/h, http://h\p) is refused. */
function readTarget(value: string): Omit<TargetConfig, 'weight'> | undefined {
  if (!/^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/i.test(value) || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  if (url.port === '0' || url.hostname === '') return undefined;
  return { origin: url.origin, authority: url.host, socketPath: '', basePath: url.pathname.replace(/\/+$/, '') };
}
