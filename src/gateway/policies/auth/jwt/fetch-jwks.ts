// The key set of an issuer, over HTTP: bounded in time and size, and from nowhere else than the address that is configured.

import { Agent, request } from 'undici';

/** From the look-up of the name to the last byte. */
export const FETCH_TIMEOUT_MS = 5_000;
const REPLY_BYTES_MAX = 256 * 1024;
const MAX_AGE = /(?:^|[\s,])max-age="?(\d{1,9})"?/i;

export interface FetchedJwks {
  readonly text: string;
  /** What Cache-Control says; undefined where it says nothing. */
  readonly maxAgeMs: number | undefined;
}

/** Redirects are not followed. @throws Error  why there is none; without the address */
export async function fetchJwks(url: string): Promise<FetchedJwks> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
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
