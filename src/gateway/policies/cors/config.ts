// cors: which pages' scripts may call a route, and read what it answers (Fetch standard).

import * as z from 'zod';
import { linearRegex } from '../../conditions/config.ts';
import { allowHeader, methodMask } from '../../router/methods.ts';
import { duration, flag, methodName, section, text } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { CorsPlan, OriginsPlan } from './cors-plan.ts';

const ORIGINS_MAX = 1_000;
const NAMES_MAX = 100;
const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;
// The longest that any browser keeps a preflight's answer (Firefox; others less).
const AGE_MS_MAX = 24 * HOUR_MS;
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";
const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`);
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\s@,]+)$/i;
// Of ftp, ws and wss there are no pages.
const WEB_SCHEMES = new Set(['http:', 'https:']);
const PLACEHOLDER = 'any-label';

type Origin = string | { readonly regex: string };

function origin(): z.ZodType<string> {
  return text(
    'an origin such as https://shop.example or https://*.shop.example:8443 (scheme, host and port, no path), null, or *',
    String.raw`\*|null|[a-z][a-z0-9+.-]*://[^/?#\s@,]+`,
    (value) => (value === '*' || value === 'null' ? value : serializedOrigin(value)),
  );
}

/** As browsers write it: in lower case, without the scheme's own port. A wildcard stays one. */
function serializedOrigin(value: string): string | undefined {
  const [, scheme = '', rest = ''] = SCHEME.exec(value) ?? [];
  if (scheme === '') return undefined;
  const isWildcard = rest.startsWith('*.');
  const host = isWildcard ? `${PLACEHOLDER}${rest.slice(1)}` : rest;
  const url = `${scheme}://${host}`;
  if (host.includes('*') || !URL.canParse(url)) return undefined;
  const { protocol, origin, pathname } = new URL(url);
  if (!WEB_SCHEMES.has(protocol)) {
    // Of an app's or an extension's pages; of these, URL tells no origin.
    return isWildcard || !/^[A-Za-z0-9._~-]+(?::[0-9]{1,5})?$/.test(rest) ? undefined : url.toLowerCase();
  }
  if (pathname !== '/') return undefined;
  return isWildcard ? origin.replace(PLACEHOLDER, '*') : origin;
}

function headerNames(says: string) {
  return z
    .array(
      text('the name of a header, or *', TOKEN, (value) =>
        value === '*' || WHOLE_TOKEN.test(value) ? value : undefined,
      ),
    )
    .max(NAMES_MAX)
    .describe(says);
}

const schema = section({
  origins: z
    .array(
      z.union([
        origin(),
        section({
          regex: linearRegex((pattern) => `^(?:${pattern})$`).describe(
            'A regular expression that takes whole origins.',
          ),
        }),
      ]),
    )
    .min(1)
    .max(ORIGINS_MAX)
    .describe('Whose pages may: https://shop.example, https://*.shop.example, { regex: … }, null, or * for everybody.'),
  methods: z.array(methodName()).min(1).optional().describe('With which methods; absent: those of the route.'),
  headers: headerNames('Which request headers they may set; * for those they ask for.').prefault(['*']),
  exposeHeaders: headerNames(
    'Which headers of an answer scripts may read besides the few that they always may.',
  ).prefault([]),
  credentials: flag().prefault(false).describe('Whether cookies and the like may come with a request.'),
  maxAge: duration(0, AGE_MS_MAX)
    .optional()
    .describe("How long browsers may keep a preflight's answer; absent: as they like."),
  privateNetwork: flag()
    .prefault(false)
    .describe('Whether pages of public networks may call it where it is in a private one.'),
  reject: flag()
    .prefault(false)
    .describe('Requests of other origins are answered 403, instead of by an answer that browsers keep from the page.'),
}).superRefine(({ origins, headers, exposeHeaders, credentials, reject }, context) => {
  const problem = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], params: { message } });
  };
  const isAny = origins.includes('*');
  if (isAny && origins.length > 1) problem('origins', 'has * and others: * is everybody already');
  if (isAny && credentials) {
    problem(
      'credentials',
      'cannot be true with origins: ["*"]: browsers refuse it, and every page could act as its user',
    );
  }
  if (isAny && reject) problem('reject', 'refuses nobody with origins: ["*"]');
  if (headers.includes('*') && headers.length > 1) problem('headers', 'has * and others: * is all of them already');
  if (exposeHeaders.includes('*') && credentials) {
    problem('exposeHeaders', 'has *, which browsers take for a name where there are credentials: list the names');
  }
});

export type CorsConfig = z.output<typeof schema>;

export const corsConfig = definePolicyConfig<CorsConfig, CorsPlan>({
  name: 'cors',
  schema,
  isSingle: true,
  stage: () => 'perimeter',
  compile: (config, { method }) => ({
    origins: originsPlan(config.origins),
    methods: methodsOf(config.methods, method),
    headers: config.headers.join(', '),
    exposeHeaders: config.exposeHeaders.join(', '),
    credentials: config.credentials,
    maxAgeSeconds: config.maxAge === undefined ? -1 : Math.floor(config.maxAge / SECOND_MS),
    privateNetwork: config.privateNetwork,
    rejects: config.reject,
  }),
});

function originsPlan(origins: readonly Origin[]): OriginsPlan {
  const texts = origins.filter((item) => typeof item === 'string');
  const wildcards = texts.filter((item) => item.includes('://*.'));
  return {
    any: texts.includes('*'),
    exact: texts.filter((item) => item !== '*' && !wildcards.includes(item)),
    wildcards: wildcards.map((item) => {
      const star = item.indexOf('*');
      return [item.slice(0, star), item.slice(star + 1)] as const;
    }),
    patterns: origins.flatMap((item) => (typeof item === 'string' ? [] : [item.regex])),
  };
}

/**
 * Not of the path's other routes: a browser that was told of a method asks no more before it uses it, and another route may have
 * another cors, or none.
 */
function methodsOf(configured: CorsConfig['methods'], routeMethod: string): string {
  if (configured !== undefined) return allowHeader(methodMask(configured));
  const own = methodName().safeParse(routeMethod);
  return own.success ? allowHeader(methodMask([own.data])) : '';
}
