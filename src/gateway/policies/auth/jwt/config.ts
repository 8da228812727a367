// jwt: a token that an issuer has signed, checked here with the issuer's public keys or a secret that both know.

import * as z from 'zod';
import { duration, headerName, section, text, word } from '../../../units/config.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { takenHeaders } from '../taken-headers.ts';
import type { JwtKeys, JwtPlan } from './jwt-plan.ts';
import { problemOfKeys } from './public-keys.ts';

const BY_KEY = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const BY_SECRET = ['HS256', 'HS384', 'HS512'] as const;
const BY_KEY_DEFAULT: readonly Algorithm[] = ['RS256', 'ES256', 'EdDSA'];
const LIST_MAX = 16;
const KEYS_MAX = 16;
const SKEW_DEFAULT = '30s';
const SKEW_MAX_MS = 300_000;
// As long as the digest, at least (RFC 7518, section 3.2).
const SECRET_BYTES_MIN = { HS256: 32, HS384: 48, HS512: 64 } as const;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/;
// RFC 6749, section 3.3, but for what needs an escape in a quoted string.
const SCOPE = /^[!#-[\]-~]{1,128}$/;
const COOKIE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const VALUE = /^[ -~]{1,512}$/;
const SECRET = /^[!-~]{32,512}$/;

type Algorithm = (typeof BY_KEY)[number] | (typeof BY_SECRET)[number];
type Written = z.infer<typeof WRITTEN>;

const audience = matching('the name of an audience, or any', VALUE);
const WRITTEN = section({
  issuer: matching('the iss of the tokens, or any', VALUE).describe(
    'The `iss` that tokens must have; any: it is not looked at.',
  ),
  audience: z
    .union([audience, z.array(audience).min(1).max(LIST_MAX)])
    .describe('What the `aud` of tokens must name: one, or one of several; any: it is not looked at.'),
  jwks: text('an https URL (or an http URL of this machine) without user, password or fragment', 'https?://.+', jwksUrl)
    .optional()
    .describe("The address of the issuer's key set; fetched when the first token comes, and again when it is old."),
  keys: z
    .array(z.record(z.string(), z.unknown()))
    .min(1)
    .max(KEYS_MAX)
    .optional()
    .describe('Public keys (JWK) instead.'),
  secret: matching('32 to 512 printable ASCII characters without spaces', SECRET)
    .optional()
    .describe(
      'A secret that the issuer shares instead, for HS256, HS384 and HS512; better taken from the environment.',
    ),
  algorithms: z
    .array(word([...BY_KEY, ...BY_SECRET]))
    .min(1)
    .max(LIST_MAX)
    .optional()
    .describe('Those that are accepted (default: RS256, ES256, EdDSA; with a secret HS256).'),
  clockSkew: duration(0, SKEW_MAX_MS)
    .prefault(SKEW_DEFAULT)
    .describe("How far the issuer's clock may be off, for exp and nbf."),
  required: z
    .array(matching('the name of a claim', NAME))
    .max(LIST_MAX)
    .prefault([])
    .describe('Claims that tokens must have; exp always.'),
  scopes: z
    .array(matching('a scope', SCOPE))
    .max(LIST_MAX)
    .prefault([])
    .describe('All of these must be in `scope` (or `scp`); else 403.'),
  consumer: matching('the name of a claim', NAME).prefault('sub').describe('The claim that names the consumer.'),
  header: headerName(takenHeaders)
    .optional()
    .describe('The request header that carries the token (default: Authorization); it is not forwarded.'),
  cookie: matching('the name of a cookie', COOKIE_NAME).optional().describe('The cookie that carries it instead.'),
});

const schema: z.ZodType<JwtPlan> = WRITTEN.superRefine((written, context) => {
  // What is wrong with a key is told already.
  if (context.issues.length > 0) return;
  const problem = problemOf(written);
  if (problem === undefined) return;
  context.addIssue({ code: 'custom', path: [...problem.path], params: { message: problem.message } });
}).transform((written): JwtPlan => {
  const { issuer, audience: named, clockSkew, required, scopes, consumer, header = 'authorization', cookie } = written;
  const audiences = typeof named === 'string' ? [named] : named;
  return {
    place: cookie === undefined ? { in: 'header', name: header } : { in: 'cookie', name: cookie },
    keys: keysOf(written),
    issuer: issuer === 'any' ? '' : issuer,
    audiences: audiences.includes('any') ? [] : audiences,
    algorithms: algorithmsOf(written),
    skewSeconds: clockSkew / 1_000,
    required,
    scopes,
    consumerClaim: consumer,
  };
});

export const jwtConfig = defineAuthMethodConfig<JwtPlan, JwtPlan>({
  kind: 'jwt',
  schema,
  credentials: ({ place }) => [place],
  // Service names hold no quote or backslash (safeName). Step run.ts puts the error of a request behind the realm.
  challenge: (_plan, service) => `Bearer realm="${service}"`,
  compile({ place, keys, issuer, audiences, algorithms, skewSeconds, required, scopes, consumerClaim }, context) {
    context.needConsumerNames();
    return { place, keys, issuer, audiences, algorithms, skewSeconds, required, scopes, consumerClaim };
  },
});

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function problemOf(written: Written): Problem | undefined {
  const { jwks, keys, secret, header, cookie } = written;
  if ([jwks, keys, secret].filter((given) => given !== undefined).length !== 1) {
    return { path: [], message: 'has one of jwks, keys and secret: what tokens are checked with' };
  }
  if (header !== undefined && cookie !== undefined) {
    return { path: [], message: 'a token has one place: header or cookie' };
  }
  const fitting: readonly Algorithm[] = secret === undefined ? BY_KEY : BY_SECRET;
  const algorithms = algorithmsOf(written);
  const misfit = algorithms.findIndex((algorithm) => !fitting.includes(algorithm));
  if (misfit >= 0) {
    const what = secret === undefined ? 'public keys: HS256, HS384 and HS512 need a secret' : 'a secret';
    return { path: ['algorithms', misfit], message: `does not go with ${what}` };
  }
  if (secret !== undefined) {
    const bytesMin = Math.max(
      ...BY_SECRET.filter((each) => algorithms.includes(each)).map((each) => SECRET_BYTES_MIN[each]),
    );
    if (secret.length < bytesMin) return { path: ['secret'], message: `is shorter than ${bytesMin} characters` };
  }
  return keys === undefined ? undefined : problemOfKeys(keys);
}

function algorithmsOf({ algorithms, secret }: Written): readonly Algorithm[] {
  return algorithms ?? (secret === undefined ? BY_KEY_DEFAULT : ['HS256']);
}

function keysOf({ jwks, keys, secret }: Written): JwtKeys {
  if (jwks !== undefined) return { kind: 'url', url: jwks };
  return secret === undefined ? { kind: 'set', keys: keys ?? [] } : { kind: 'secret', secret };
}

function matching(expected: string, pattern: RegExp): z.ZodType<string> {
  return text(expected, pattern.source.slice(1, -1), (value) => (pattern.test(value) ? value : undefined));
}

/** In the clear only to this machine: whoever can change the keys on the way can sign every token. */
function jwksUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, hostname, username, password, hash, href } = new URL(value);
  if (username !== '' || password !== '' || hash !== '') return undefined;
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isHere) ? href : undefined;
}
