// forward: an authoriser outside is asked over HTTP, and its answer says whether the request may pass, and whose it is.

import * as z from 'zod';
import { duration, flag, headerName, identity, safeName, section, size, text, word } from '../../../units/config.ts';
import { hopByHopNames } from '../../../upstream/hop-by-hop-names.ts';
import type { CompileContext } from '../../policy-config.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { takenHeaders } from '../taken-headers.ts';
import {
  type ForwardPart,
  type ForwardPlan,
  type ForwardTarget,
  type ForwardUse,
  forwardParts,
} from './forward-plan.ts';

const TIMEOUT_DEFAULT = '1s';
const TIMEOUT_MIN_MS = 10;
const TIMEOUT_MAX_MS = 30_000;
const TTL_MAX_MS = 3_600_000;
const TTL_DEFAULT = '10s';
const NEGATIVE_TTL_DEFAULT = '2s';
const BODY_BYTES_MAX = 1024 * 1024;
const NAMES_MAX = 32;
const CONSUMER_HEADER = 'x-consumer-id';
const PARAMETER = /^[^&=#\s]{1,128}$/;
const CREDENTIAL = /^(?:header\.([A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})|(query|cookie)\.([^&=#;,\s"]{1,128}))$/;
const PATH = /^\/[!-~]{0,1023}$/;
const VERSION = /^[ -~]{1,64}$/;

// Written by the gateway itself, or by whoever speaks HTTP: what a client says there goes no further.
const unsent: ReadonlySet<string> = new Set([
  ...hopByHopNames,
  'content-length',
  'expect',
  'forwarded',
  'host',
  'x-consumer-id',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-method',
  'x-forwarded-proto',
  'x-forwarded-uri',
  // Others that claim to know where a request came from.
  'cf-connecting-ip',
  'fastly-client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-real-ip',
  'x-sluice-explain',
  'x-sluice-mirror',
]);
const uncopied: ReadonlySet<string> = new Set([...takenHeaders, ...hopByHopNames]);
const unrelayed: ReadonlySet<string> = new Set([
  ...hopByHopNames,
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'location',
  'x-request-id',
]);

type Written = z.infer<typeof WRITTEN>;

const names = (refused: ReadonlySet<string>) => z.array(headerName(refused)).max(NAMES_MAX);
const credential = text('header.NAME, query.NAME or cookie.NAME', CREDENTIAL.source.slice(1, -1), credentialOf);
const parameter = text('the name of a parameter', PARAMETER.source.slice(1, -1), (value) =>
  PARAMETER.test(value) ? value : undefined,
);

const WRITTEN = section({
  url: text('an http or https URL without user, password, query or fragment', 'https?://.+', urlOf)
    .optional()
    .describe('Where the authoriser answers.'),
  upstream: safeName().optional().describe('The upstream that it is instead, with its balancing, TLS and circuit.'),
  path: text('a path such as /check', PATH.source.slice(1, -1), (value) => (PATH.test(value) ? value : undefined))
    .optional()
    .describe('Of an upstream: what is asked for (default: /).'),
  method: word(['GET', 'POST'])
    .optional()
    .describe('How it is asked (default: GET; POST with a body or payload: json).'),
  timeout: duration(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS)
    .prefault(TIMEOUT_DEFAULT)
    .describe('From the question to the whole answer; then it has failed.'),
  credentials: z
    .array(credential)
    .max(NAMES_MAX)
    .prefault(['header.authorization'])
    .describe(
      'What a request must have to be asked about: header.NAME, query.NAME, cookie.NAME. Sent, and not forwarded.',
    ),
  forwardCredential: flag().prefault(false).describe('The upstream gets them as well.'),
  sends: section({
    headers: names(unsent).prefault([]).describe('Further headers that the authoriser gets.'),
    query: z.array(parameter).max(NAMES_MAX).prefault([]).describe('Parameters of the query that it gets.'),
    body: size(0, BODY_BYTES_MAX)
      .prefault(0)
      .describe('It gets the body, up to so much (0: it does not); more is 413.'),
    original: flag()
      .prefault(true)
      .describe('It gets X-Forwarded-Method, -Proto, -Host, -Uri and -For, as the gateway knows them.'),
  }).prefault({}),
  payload: word(['original', 'json'])
    .prefault('original')
    .describe('As headers and parameters, or as a JSON body of header, query, body, method and path.'),
  cache: section({
    ttl: duration(0, TTL_MAX_MS)
      .prefault(TTL_DEFAULT)
      .describe('How long a caller that may pass is not asked about again.'),
    negativeTtl: duration(0, TTL_MAX_MS).prefault(NEGATIVE_TTL_DEFAULT).describe('And one that may not.'),
    by: z
      .array(word(forwardParts))
      .max(forwardParts.length)
      .prefault([...forwardParts])
      .describe('What answers depend on, besides all that is sent: method, path, query, host, ip.'),
  })
    .optional()
    .describe('Answers are remembered; and those who ask the same at once share one question.'),
  copyToUpstream: names(uncopied)
    .prefault([])
    .describe('Headers of the answer that the upstream gets; never the client’s own.'),
  consumer: section({
    header: headerName(new Set(hopByHopNames))
      .prefault(CONSUMER_HEADER)
      .describe('The header of the answer that names the consumer.'),
    otherwise: identity().optional().describe('The consumer that a caller is whom the answer does not name.'),
  }).prefault({}),
  relay: names(unrelayed).prefault(['www-authenticate']).describe('Headers of a refusal that the client gets.'),
  redirects: flag().prefault(false).describe('A redirect of the authoriser is a refusal that the client gets.'),
  onFailure: word(['deny', 'allow'])
    .prefault('deny')
    .describe('What happens when it does not answer, or not as it should.'),
  version: text('1 to 64 printable ASCII characters', VERSION.source.slice(1, -1), (value) =>
    VERSION.test(value) ? value : undefined,
  )
    .optional()
    .describe('Another one forgets what was remembered.'),
});

/** A checked use: the plan but for its route. */
export interface ForwardConfig {
  readonly plan: Omit<ForwardPlan, 'route'>;
  readonly forwardsCredentials: boolean;
}

const schema: z.ZodType<ForwardConfig> = WRITTEN.superRefine((written, context) => {
  // What is wrong with a key is told already.
  if (context.issues.length > 0) return;
  const problem = problemOf(written);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: problem.path, params: { message: problem.message } });
}).transform((written): ForwardConfig => ({ plan: planOf(written), forwardsCredentials: written.forwardCredential }));

export const forwardConfig = defineAuthMethodConfig<ForwardConfig, ForwardUse>({
  kind: 'forward',
  schema,
  credentials: ({ plan, forwardsCredentials }) => (forwardsCredentials ? [] : plan.credentials),
  // Service names hold no quote or backslash (safeName).
  challenge: (_config, service) => `Forward realm="${service}"`,
  compile({ plan }, context: CompileContext): ForwardUse {
    context.needConsumerNames();
    // What the authoriser says is not to be mistaken for what a client says.
    for (const name of plan.copied) context.addCredential({ in: 'header', name });
    const { target } = plan;
    return {
      plan: { ...plan, route: `${context.service}.${context.route}` },
      upstream: target.kind === 'upstream' ? context.upstreamIndex(target.name) : -1,
    };
  },
});

interface Problem {
  readonly path: string[];
  readonly message: string;
}

function problemOf({ url, upstream, path, method, payload, sends }: Written): Problem | undefined {
  if ((url === undefined) === (upstream === undefined)) {
    return { path: [], message: 'has one of url and upstream: who is asked' };
  }
  if (url !== undefined && path !== undefined)
    return { path: ['path'], message: 'is of an upstream: a URL has its own' };
  if (method === 'GET' && (payload === 'json' || sends.body > 0)) {
    return { path: ['method'], message: 'a body goes with POST' };
  }
  return undefined;
}

function planOf(written: Written): ForwardConfig['plan'] {
  const { url, path, method, timeout, credentials, sends, payload, cache, consumer, redirects, onFailure } = written;
  const hasBody = payload === 'json' || sends.body > 0;
  return {
    target: targetOf(written),
    path: url === undefined ? (path ?? '/') : new URL(url).pathname,
    method: method ?? (hasBody ? 'POST' : 'GET'),
    timeoutMs: timeout,
    credentials: credentials as readonly Credential[],
    headers: [...new Set(sends.headers)],
    queries: [...new Set(sends.query)],
    bodyBytesMax: sends.body,
    tellsOriginal: sends.original,
    payload,
    ...(cache !== undefined && {
      cache: { ttlMs: cache.ttl, negativeTtlMs: cache.negativeTtl, by: cache.by as readonly ForwardPart[] },
    }),
    copied: [...new Set(written.copyToUpstream)],
    consumerHeader: consumer.header,
    otherwise: consumer.otherwise ?? '',
    relayed: [...new Set(written.relay)],
    redirects,
    allowsOnFailure: onFailure === 'allow',
    version: written.version ?? '',
  };
}

function targetOf({ url, upstream = '' }: Written): ForwardTarget {
  if (url === undefined) return { kind: 'upstream', name: upstream };
  const { origin, host } = new URL(url);
  return { kind: 'url', origin, authority: host };
}

function credentialOf(value: string): Credential | undefined {
  const [, header, place, name = ''] = CREDENTIAL.exec(value) ?? [];
  if (header !== undefined) {
    const lower = header.toLowerCase();
    return unsent.has(lower) || takenHeaders.has(lower) ? undefined : { in: 'header', name: lower };
  }
  return place === 'query' || place === 'cookie' ? { in: place, name } : undefined;
}

function urlOf(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, username, password, search, hash, href } = new URL(value);
  const isPlain = username === '' && password === '' && search === '' && hash === '';
  return isPlain && (protocol === 'https:' || protocol === 'http:') ? href : undefined;
}
