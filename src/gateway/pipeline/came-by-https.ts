// Whether a client's cookies may be marked Secure.

import type { Exchange } from './exchange.ts';

/** To the gateway, or to the trusted proxy before it. */
export function cameByHttps(x: Exchange): boolean {
  return x.scheme === 'https' || (x.peerTrusted && x.header('x-forwarded-proto') === 'https');
}
