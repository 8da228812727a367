// hmac: requests that are signed with a secret that caller and gateway share, as Tencent Cloud's API gateway has it.

import * as z from 'zod';
import { duration, flag, headerName, section, size, text, word } from '../../../units/config.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { noncePlan, nonceShape } from '../nonce-schema.ts';
import type { HmacPlan } from './hmac-plan.ts';

const ALGORITHMS = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const;
const LIST_MAX = 16;
const SKEW_MS_MIN = 1_000;
const SKEW_MS_MAX = 3_600_000;
const BODY_BYTES_MAX = 10 * 2 ** 20;
const SEGMENT = /^[A-Za-z0-9._~-]{1,64}$/;
const AUTHORIZATION: Credential = { in: 'header', name: 'authorization' };
const NO_HEADERS: ReadonlySet<string> = new Set();

const nonceSchema = section({
  header: headerName(NO_HEADERS).prefault('x-apigw-nonce').describe('The request header that carries the nonce.'),
  signed: flag()
    .prefault(true)
    .describe('Whether the nonce has to be among the signed headers: one that is not can be replaced by anybody.'),
  ...nonceShape(),
});

const schema = section({
  scheme: word(['key-pair', 'app'])
    .prefault('key-pair')
    .describe(
      'What is signed: the headers that the caller names (key-pair), or also method, path, parameters and body (app).',
    ),
  algorithms: z
    .array(word(ALGORITHMS))
    .min(1)
    .max(ALGORITHMS.length)
    .prefault([...ALGORITHMS])
    .describe('Those that are accepted.'),
  skew: duration(SKEW_MS_MIN, SKEW_MS_MAX).prefault('15m').describe("How far the caller's X-Date may be off."),
  checkDate: flag()
    .prefault(false)
    .describe('Whether Date is held to the skew as well, where the caller signs it instead of X-Date.'),
  requiredHeaders: z
    .array(headerName(NO_HEADERS))
    .max(LIST_MAX)
    .prefault([])
    .describe('Headers that must be signed, besides Date or X-Date.'),
  environments: z
    .array(
      text('a segment of a path', SEGMENT.source.slice(1, -1), (value) => (SEGMENT.test(value) ? value : undefined)),
    )
    .max(LIST_MAX)
    .prefault(['release', 'test', 'prepub'])
    .describe('With scheme app: first segments of paths that are not signed.'),
  bodyMax: size(1, BODY_BYTES_MAX)
    .prefault('1MiB')
    .describe('With scheme app: the largest body; it is kept until it has been checked.'),
  errors: word(['current', 'legacy'])
    .prefault('current')
    .describe("Whose status refusals have: 401 as the newer table of Tencent's, or 403 as the older one."),
  errorBody: word(['problem', 'message'])
    .prefault('problem')
    .describe('Whether refusals are problem details, or {"message":…}.'),
  nonce: nonceSchema.optional().describe('Each request has a nonce, which counts once.'),
});

type HmacConfig = z.infer<typeof schema>;

export const hmacConfig = defineAuthMethodConfig<HmacConfig, HmacPlan>({
  kind: 'hmac',
  schema: schema as z.ZodType<HmacConfig>,
  credentials: () => [AUTHORIZATION],
  // Service names hold no quote or backslash (safeName).
  challenge: ({ algorithms }, service) => `hmac realm="${service}", algorithm="${algorithms.join(' ')}"`,
  compile(config, context) {
    const { scheme, algorithms, skew, checkDate, requiredHeaders, environments, bodyMax, errors, errorBody } = config;
    const { nonce } = config;
    return {
      isApp: scheme === 'app',
      algorithms,
      skewMs: skew,
      checksDate: checkDate,
      required: requiredHeaders,
      environments,
      bodyBytesMax: bodyMax,
      isLegacy: errors === 'legacy',
      tellsMessageOnly: errorBody === 'message',
      nonce: nonce && { ...noncePlan(nonce, context), header: nonce.header, isSigned: nonce.signed },
    };
  },
});
