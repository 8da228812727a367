// Pages of other origins, which a browser near the admin port may be led to.
//
// DNS REBINDING. A page of evil.example whose name is made to mean 127.0.0.1 is of the same origin as what it asks there, as the
// browser sees it; but it cannot hide the name: Host says evil.example. On loopback only the names of loopback are taken,
// elsewhere addresses, too, which nobody can make to mean something else; other names where the configuration has none.
// CROSS-SITE. What a page of another origin sends carries its Origin.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../config/is-loopback.ts';
import { type AdminAnswer, problem } from './admin-page.ts';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/?#@\s]+)(?::[0-9]{1,5})?$/;

export class HostGuard {
  readonly #isLoopback: boolean;
  readonly #names: ReadonlySet<string>;
  readonly #hasNames: boolean;

  /**
   * @param host  that the admin port listens on, '' for every address
   * @param allowedHosts  names that it has beside the ones of loopback, in lower case
   */
  constructor(host: string, allowedHosts: readonly string[]) {
    this.#isLoopback = isLoopback(host);
    this.#names = new Set([...LOOPBACK_NAMES, ...allowedHosts]);
    this.#hasNames = allowedHosts.length > 0;
  }

  /** @returns the refusal; undefined: it may be looked at */
  look({ headers }: Pick<IncomingMessage, 'headers'>): AdminAnswer | undefined {
    const host = headers.host ?? '';
    // HTTP/1.0 has none, and no browser speaks it.
    if (host !== '' && !this.#isKnown(host)) {
      return problem(
        403,
        'this name is none of the admin port: gateway.admin.allowedHosts lists those that it has beside localhost',
      );
    }
    const { origin } = headers;
    if (origin === undefined || isSameOrigin(origin, host)) return undefined;
    return problem(403, 'pages of another origin may not ask the admin port');
  }

  #isKnown(host: string): boolean {
    const name = HOST.exec(host)?.[1]?.toLowerCase();
    if (name === undefined) return false;
    if (this.#names.has(name)) return true;
    if (this.#isLoopback) return false;
    return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || !this.#hasNames;
  }
}

/** The scheme may be another one: a proxy may have ended TLS. */
function isSameOrigin(origin: string, host: string): boolean {
  const match = /^https?:\/\/([^/?#]+)$/i.exec(origin);
  return host !== '' && match?.[1]?.toLowerCase() === host.toLowerCase();
}
