// Headers that a client or the gateway needs for something else: taking one as a credential would drop it on the way, or would not
// (relay-headers.ts decides about these by itself).

import { hopByHopNames } from '../../upstream/hop-by-hop-names.ts';

export const takenHeaders: ReadonlySet<string> = new Set([
  // Proxy-Authorization may carry a credential: it is for this hop.
  ...hopByHopNames.filter((name) => name !== 'proxy-authorization'),
  'cf-connecting-ip',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'fastly-client-ip',
  'forwarded',
  'host',
  'http2-settings',
  'traceparent',
  'tracestate',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-consumer-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
  'x-request-id',
  'x-sluice-explain',
  'x-sluice-mirror',
]);
