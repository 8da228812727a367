// jwt: a token that an issuer has signed, checked here with the issuer's public keys or a secret that both know.

import * as z from 'zod';
import { duration, durationOrNone, flag, headerName, identity, section, text, word } from '../../../units/config.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { takenHeaders } from '../taken-headers.ts';
import { jwksUrl } from './jwks-url.ts';
import type { JwtKeys, JwtPlan } from './jwt-plan.ts';
import { problemOfKeys } from './public-keys.ts';

const BY_KEY = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const BY_SECRET = ['HS256', 'HS384', 'HS512'] as const;
const BY_KEY_DEFAULT: readonly Algorithm[] = ['RS256', 'ES256', 'EdDSA'];
const LIST_MAX = 16;
const KEYS_MAX = 16;
const SKEW_DEFAULT = '30s';
const SKEW_MAX_MS = 300_000;
const AGE_MIN_MS = 1_000;
const AGE_MAX_MS = 30 * 86_400_000;
// Each has spellings with _ for -: 2⁴ of them at most.
const DASHES_MAX = 4;
// As long as the digest, at least (RFC 7518, section 3.2).
const SECRET_BYTES_MIN = { HS256: 32, HS384: 48, HS512: 64 } as const;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/;
// RFC 6749, section 3.3, but for what needs an escape in a quoted string.
const SCOPE = /^[!#-[\]-~]{1,128}$/;
const COOKIE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const VALUE = /^[ -~]{1,512}$/;
const TYPE = /^[A-Za-z0-9!#$&^_.+/-]{1,128}$/;
const SECRET = /^[!-~]{32,512}$/;

type Algorithm = (typeof BY_KEY)[number] | (typeof BY_SECRET)[number];
type Written = z.infer<typeof WRITTEN>;

const claimHeader = headerName(new Set([...takenHeaders, 'authorization', 'proxy-authorization', 'accept-encoding']));
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
  discovery: flag()
    .optional()
    .describe("true: the issuer's own document (/.well-known/openid-configuration) says where its key set is."),
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
  types: z
    .array(matching('a type such as at+jwt', TYPE))
    .max(LIST_MAX)
    .prefault([])
    .describe('The `typ` of tokens must be one of these, such as at+jwt (default: it is not looked at).'),
  clockSkew: duration(0, SKEW_MAX_MS)
    .prefault(SKEW_DEFAULT)
    .describe("How far the issuer's clock may be off, for exp, nbf and iat."),
  maxAge: durationOrNone(AGE_MIN_MS, AGE_MAX_MS)
    .prefault('none')
    .describe('How long ago tokens may have been issued (`iat`), whatever `exp` says.'),
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
  defaultConsumer: identity()
    .optional()
    .describe('Who it is whose token names no consumer that is known (default: it is refused).'),
  groupsClaim: matching('the name of a claim', NAME)
    .optional()
    .describe("The claim that names groups, besides the consumer's own."),
  claimsToHeaders: z
    .record(z.string(), matching('the name of a claim', NAME))
    .prefault({})
    .describe("Headers that tell the upstream claims: { x-tenant: tenant }. The client's own are dropped."),
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
  const {
    issuer,
    audience: named,
    types,
    clockSkew,
    maxAge,
    required,
    scopes,
    header = 'authorization',
    cookie,
  } = written;
  const audiences = typeof named === 'string' ? [named] : named;
  return {
    place: cookie === undefined ? { in: 'header', name: header } : { in: 'cookie', name: cookie },
    keys: keysOf(written),
    issuer: issuer === 'any' ? '' : issuer,
    audiences: audiences.includes('any') ? [] : audiences,
    algorithms: algorithmsOf(written),
    types: types.map((type) => type.toLowerCase().replace(/^application\//, '')),
    skewSeconds: clockSkew / 1_000,
    ageSecondsMax: maxAge / 1_000,
    required,
    scopes,
    consumerClaim: written.consumer,
    defaultConsumer: written.defaultConsumer ?? '',
    groupsClaim: written.groupsClaim ?? '',
    claimHeaders: Object.entries(written.claimsToHeaders).map(([name, claim]) => [name.toLowerCase(), claim] as const),
  };
});

export const jwtConfig = defineAuthMethodConfig<JwtPlan, JwtPlan>({
  kind: 'jwt',
  schema,
  credentials: ({ place }) => [place],
  // Tokens say whose they are: several issuers share a place.
  distinguish: ({ issuer }) => issuer,
  // Service names hold no quote or backslash (safeName). Step run.ts puts the error of a request behind the realm.
  challenge: (_plan, service) => `Bearer realm="${service}"`,
  compile(written, context) {
    context.needConsumerNames();
    for (const [name] of written.claimHeaders) {
      // Clients could say them themselves, also to upstreams that take _ for - (CGI, WSGI).
      for (const spelling of spellingsOf(name)) context.addCredential({ in: 'header', name: spelling });
    }
    // Without what its method is called: equal settings are one plan.
    const { kind: _kind, ...plan } = written as JwtPlan & { readonly kind?: string };
    return plan;
  },
});

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function problemOf(written: Written): Problem | undefined {
  const { issuer, jwks, discovery, keys, secret, header, cookie } = written;
  const sources = [jwks, keys, secret, discovery === true ? discovery : undefined];
  if (sources.filter((given) => given !== undefined).length !== 1) {
    return { path: [], message: 'has one of jwks, discovery, keys and secret: what tokens are checked with' };
  }
  if (discovery === true && (jwksUrl(issuer) === undefined || issuer.includes('?'))) {
    return { path: ['issuer'], message: 'is no https URL (or an http URL of this machine): discovery needs one' };
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
  return problemOfHeaders(written) ?? (keys === undefined ? undefined : problemOfKeys(keys));
}

function problemOfHeaders({ claimsToHeaders }: Written): Problem | undefined {
  const names = Object.keys(claimsToHeaders);
  if (names.length > LIST_MAX) return { path: ['claimsToHeaders'], message: `has more than ${LIST_MAX} headers` };
  const lower = names.map((name) => name.toLowerCase());
  for (const [index, name] of names.entries()) {
    const path = ['claimsToHeaders', name];
    if (!claimHeader.safeParse(name).success)
      return { path, message: 'is no header that may tell the upstream a claim' };
    if (name.split('-').length - 1 > DASHES_MAX) return { path, message: `has more than ${DASHES_MAX} dashes` };
    if (lower.indexOf(lower[index] as string) !== index) return { path, message: 'is there twice' };
  }
  return undefined;
}

/** x-user-id, x_user-id, x-user_id, x_user_id */
function spellingsOf(name: string): readonly string[] {
  const [first = '', ...others] = name.split('-');
  return others.reduce((all, part) => all.flatMap((start) => [`${start}-${part}`, `${start}_${part}`]), [first]);
}

function algorithmsOf({ algorithms, secret }: Written): readonly Algorithm[] {
  return algorithms ?? (secret === undefined ? BY_KEY_DEFAULT : ['HS256']);
}

function keysOf({ issuer, discovery, jwks, keys, secret }: Written): JwtKeys {
  if (discovery === true) return { kind: 'discovery', issuer };
  if (jwks !== undefined) return { kind: 'url', url: jwks };
  return secret === undefined ? { kind: 'set', keys: keys ?? [] } : { kind: 'secret', secret };
}

function matching(expected: string, pattern: RegExp): z.ZodType<string> {
  return text(expected, pattern.source.slice(1, -1), (value) => (pattern.test(value) ? value : undefined));
}
