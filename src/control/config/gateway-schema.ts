// The section `gateway`: listeners, workers and what holds for every service.

import * as z from 'zod';
import { addressBlock, byteRate, duration, section, size, timeZone, whole, word } from '../../gateway/units/config.ts';
import { accessLogSchema } from './access-log-schema.ts';
import { adminSchema } from './admin-schema.ts';
import { alertsSchema } from './alerts-schema.ts';
import type { GatewayConfig } from './config.ts';
import { dataFolder } from './data-schema.ts';
import { encryptionKeys } from './encryption-key-schema.ts';
import { explainSchema } from './explain-schema.ts';
import { type ListenSection, listenSchema } from './listen-schema.ts';
import { maskSchema } from './mask-schema.ts';
import { overloadSchema } from './overload-schema.ts';
import { redisAddress } from './redis-schema.ts';
import { tracingSchema } from './tracing-schema.ts';
import { usageSchema } from './usage-schema.ts';

const WORKERS_MAX = 64;
const TRUSTED_PROXIES_MAX = 1_024;
const KIB = 1_024;
const MIB = 1_024 ** 2;
const GIB = 1_024 ** 3;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const LIMIT_KEYS = 65_536;
const LIMIT_KEYS_MIN = 1_024;
const LIMIT_KEYS_MAX = 1_000_000;

const limitsSchema = section({
  headerBytes: size(KIB, 64 * KIB)
    .prefault('16KiB')
    .describe('The request line and headers of a request.'),
  bodyBytes: size(0, 16 * GIB)
    .prefault('10MiB')
    .describe('The body of a request.'),
  messageBytes: size(KIB, 64 * MIB)
    .prefault('1MiB')
    .describe('A message of a WebSocket, either way.'),
  headerTimeout: duration(SECOND_MS, 10 * MINUTE_MS)
    .prefault('10s')
    .describe('How long the headers of a request may take to arrive.'),
  idleTimeout: duration(SECOND_MS, 10 * MINUTE_MS)
    .prefault('60s')
    .describe('How long a connection may be silent.'),
  minBodyRate: byteRate(MIB)
    .prefault('240B/s')
    .describe(
      "How fast a request's body must come, counted over all of it and but for its first 5 s; none: as slowly as it likes.",
    ),
  connectionsPerAddress: z
    .union([word(['none']), whole(1, 1_000_000)])
    .prefault('none')
    .transform((count) => (count === 'none' ? 0 : count))
    .describe("Of one client's address at once, all workers together; trusted proxies may have as many as they like."),
  connections: whole(1, 1_000_000).prefault(20_000).describe("Clients' connections, all workers together."),
}).transform(({ headerTimeout, idleTimeout, ...limits }) => ({
  ...limits,
  headerTimeoutMs: headerTimeout,
  idleTimeoutMs: idleTimeout,
}));

/** As it is written: with the names of certificates' files. */
export interface GatewaySection extends Omit<GatewayConfig, 'listen'> {
  readonly listen: readonly ListenSection[];
}

export const gatewaySchema: z.ZodType<GatewaySection> = section(
  {
    listen: listenSchema.describe('Where clients connect; nothing administrative answers there.'),
    admin: adminSchema.prefault('127.0.0.1:9080').describe('Where health, metrics and administration answer.'),
    workers: z
      .union([word(['auto']), whole(1, WORKERS_MAX)])
      .prefault('auto')
      .transform((workers) => (workers === 'auto' ? 0 : workers))
      .describe('Gateway workers; auto for one per core.'),
    data: dataFolder()
      .prefault('./data')
      .describe('The folder of what the gateway keeps, and of the socket of --take-over.'),
    redis: redisAddress()
      .optional()
      .describe('The Redis that instances share, for limits over all of them; empty: a single instance.'),
    encryptionKey: encryptionKeys()
      .optional()
      .describe(
        'What encrypts secrets that the store keeps: 32 bytes, or at least 32 characters, made at random; several, the newest first.',
      ),
    timeZone: timeZone()
      .prefault('UTC')
      .describe('Where the days and months of quotas begin, and the clock of access: UTC, Europe/Berlin.'),
    trustedProxies: z
      .array(addressBlock())
      .max(TRUSTED_PROXIES_MAX)
      .prefault([])
      .describe('Addresses and CIDR blocks whose X-Forwarded-For is believed.'),
    limitKeys: whole(LIMIT_KEYS_MIN, LIMIT_KEYS_MAX)
      .prefault(LIMIT_KEYS)
      .describe('Keys of rate limits (addresses, consumers, …) that may be in debt at once, all limits together.'),
    limits: limitsSchema.prefault({}).describe('What a client may ask of a listener.'),
    drainTimeout: duration(0, HOUR_MS)
      .prefault('30s')
      .describe('How long requests under way may take to end when the gateway stops.'),
    overload: overloadSchema.prefault({}).describe('When requests are shed for the sake of the gateway itself.'),
    accessLog: accessLogSchema.optional().describe('One line of JSON for every request that ended; none without it.'),
    mask: maskSchema.optional().describe('What of requests becomes *** in log lines and spans, besides known secrets.'),
    explain: explainSchema
      .optional()
      .describe('Who may ask how a request was decided (X-Sluice-Explain); absent: nobody.'),
    usage: usageSchema
      .optional()
      .describe(
        'Who called what, how often and how fast, kept on disk by minute, hour, day and month; absent: not kept.',
      ),
    alerts: alertsSchema.optional().describe('Who is told, by a webhook, that a quota runs out; absent: nobody.'),
    tracing: tracingSchema.optional().describe('OpenTelemetry traces; absent: none.'),
  },
  ['publicAddress'],
).transform(({ drainTimeout, redis = '', encryptionKey = [], ...gateway }) => ({
  ...gateway,
  redis,
  encryptionKeys: encryptionKey,
  drainTimeoutMs: drainTimeout,
}));
