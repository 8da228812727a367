// The key set of an issuer, over HTTP: bounded in time and size, and from nowhere else than the address that is configured, or that
// the issuer's own document names.

import { isLoopback, jwksUrl } from './jwks-url.ts';

/** From the look-up of the name to the last byte. */
export const FETCH_TIMEOUT_MS = 5_000;
const REPLY_BYTES_MAX = 256 * 1024;
const MAX_AGE = /(?:^|[\s,])max-age="?(\d{1,9})"?/i;
const DOCUMENT = '/.well-known/openid-configuration';

export interface FetchedJwks {
  readonly text: string;
  /** What Cache-Control says; undefined where it says nothing. */
  readonly maxAgeMs: number | undefined;
}

/** Redirects are not followed. @throws Error  why there is none; without the address */
export function fetchJwks(url: string): Promise<FetchedJwks> {
  return fetchText(url, AbortSignal.timeout(FETCH_TIMEOUT_MS));
}

/**
 * The key set that an issuer's document names (OpenID Connect Discovery 1.0, section 4).
 * @throws Error  why there is none; also where the document is another issuer's, or its keys came in the clear from elsewhere
 */
export async function fetchDiscovered(issuer: string): Promise<FetchedJwks> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const { text } = await fetchText(issuer.replace(/\/$/, '') + DOCUMENT, signal);
  const document = JSON.parse(text) as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  if (document.issuer !== issuer) throw new Error('the document that it has is not of this issuer');
  const url = typeof document.jwks_uri === 'string' ? jwksUrl(document.jwks_uri) : undefined;
  // An issuer elsewhere has nothing to fetch from this machine.
  if (url === undefined || (isLoopback(url) && !isLoopback(issuer))) {
    throw new Error('the document that it has names no address from which keys are fetched');
  }
  return await fetchText(url, signal);
}

async function fetchText(url: string, signal: AbortSignal): Promise<FetchedJwks> {
  // 90 ms of CPU that workers without tokens do without.
  const { Agent, request } = await import('undici');
  // An agent for one request: nothing is left open in a worker's thread, which may be used again.
  const dispatcher = new Agent({ maxResponseSize: REPLY_BYTES_MAX, connect: { timeout: FETCH_TIMEOUT_MS } });
  try {
    const reply = await request(url, {
      dispatcher,
      signal,
      headers: { accept: 'application/json', 'user-agent': 'sluice' },
      headersTimeout: FETCH_TIMEOUT_MS,
      bodyTimeout: FETCH_TIMEOUT_MS,
      reset: true,
    });
    if (reply.statusCode !== 200) throw new Error(`it answers ${reply.statusCode}`);
    const seconds = MAX_AGE.exec(String(reply.headers['cache-control'] ?? ''))?.[1];
    const text = await reply.body.text();
    return { text, maxAgeMs: seconds === undefined ? undefined : Number(seconds) * 1_000 };
  } finally {
    await dispatcher.destroy();
  }
}
