// The header lines of CORS (Fetch standard, "CORS protocol") for one route. Nothing here decides who gets an answer: browsers do,
// by these lines.

import type { Exchange } from '../../pipeline/exchange.ts';
import { methodIndex } from '../../router/methods.ts';
import type { CorsPlan } from './cors-plan.ts';
import { OriginList } from './origin-list.ts';

/** Of an upstream's answer they are not passed on: two of one kind are an error to a browser. */
export const upstreamCorsNames: readonly string[] = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
];

const VARY_ORIGIN = 'vary: Origin\r\n';
const ASKED_CHARS_MAX = 4_096;
// Names with commas between them, as browsers write them: what is said back is nothing else.
const NAMES = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$/;

export class LiveCors {
  readonly #plan: CorsPlan;
  readonly #origins: OriginList;
  readonly #credentialsLine: string;
  readonly #exposeLine: string;
  /** Of a preflight's answer, but for what depends on the request. */
  readonly #fixedLines: string;
  // Most requests of a page come one after the other.
  #lastOrigin = '';
  #lastLines = '';

  constructor(plan: CorsPlan) {
    this.#plan = plan;
    this.#origins = new OriginList(plan.origins);
    this.#credentialsLine = plan.credentials ? 'access-control-allow-credentials: true\r\n' : '';
    this.#exposeLine = line('access-control-expose-headers', plan.exposeHeaders);
    this.#fixedLines = line('access-control-max-age', plan.maxAgeSeconds < 0 ? '' : String(plan.maxAgeSeconds));
  }

  /** Of every answer but a preflight's. @hot on routes with cors: a comparison of strings for the origin before */
  lines(x: Exchange): string {
    if (this.#origins.isAny) return `access-control-allow-origin: *\r\n${this.#exposeLine}`;
    const origin = x.headerValues('origin');
    if (origin === '') return VARY_ORIGIN;
    if (origin === this.#lastOrigin) return this.#lastLines;
    if (!this.#origins.has(origin)) return VARY_ORIGIN;
    this.#lastOrigin = origin;
    this.#lastLines = `access-control-allow-origin: ${origin}\r\n${this.#credentialsLine}${this.#exposeLine}${VARY_ORIGIN}`;
    return this.#lastLines;
  }

  /**
   * Of the answer to a preflight. It says what is allowed, whatever was asked for: the browser compares, and tells its user.
   * @param method  the one that is asked for
   */
  preflightLines(x: Exchange, method: string): string {
    const vary = this.#vary();
    const origin = x.headerValues('origin');
    if (!this.#origins.has(origin)) return vary;
    const { methods, privateNetwork } = this.#plan;
    const asksForPrivate = x.headerValues('access-control-request-private-network') === 'true';
    return [
      line('access-control-allow-origin', this.#origins.isAny ? '*' : origin),
      this.#credentialsLine,
      line('access-control-allow-methods', methods !== '' || methodIndex(method) < 0 ? methods : method),
      line('access-control-allow-headers', this.#allowedHeaders(x)),
      privateNetwork && asksForPrivate ? 'access-control-allow-private-network: true\r\n' : '',
      this.#fixedLines,
      vary,
    ].join('');
  }

  /** Whether it is to be refused: its origin is another's, and not on the list. A page's own host is no other. @hot */
  refuses(x: Exchange): boolean {
    if (!this.#plan.rejects) return false;
    const origin = x.headerValues('origin');
    if (origin === '' || this.#origins.has(origin)) return false;
    const host = origin.indexOf('://') + 3;
    return host < 3 || x.authority === '' || origin.slice(host) !== x.authority.toLowerCase();
  }

  /** What explanations say of a request's origin. */
  verdictOn(x: Exchange): string {
    const origin = x.headerValues('origin');
    if (origin === '') return 'none';
    return this.#origins.has(origin) ? 'allowed' : 'not allowed';
  }

  /** A * says nothing of Authorization, and nothing at all where credentials are sent (Fetch, "CORS-preflight fetch"). */
  #allowedHeaders(x: Exchange): string {
    const { headers, credentials } = this.#plan;
    if (headers !== '*') return headers;
    if (!credentials) return '*, Authorization';
    const asked = x.headerValues('access-control-request-headers');
    return asked.length <= ASKED_CHARS_MAX && NAMES.test(asked) ? asked : '';
  }

  #vary(): string {
    const { privateNetwork } = this.#plan;
    const names = [
      ...(this.#origins.isAny ? [] : ['Origin']),
      'Access-Control-Request-Method',
      'Access-Control-Request-Headers',
      ...(privateNetwork ? ['Access-Control-Request-Private-Network'] : []),
    ];
    return line('vary', names.join(', '));
  }
}

/** @returns '' where there is nothing to say */
function line(name: string, value: string): string {
  return value === '' ? '' : `${name}: ${value}\r\n`;
}
