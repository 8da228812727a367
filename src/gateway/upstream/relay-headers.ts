// Which headers cross the gateway, either way (RFC 9110 §7.6.1), and what it adds.
//
// Never forwarded: hop-by-hop headers and whatever Connection names; Expect (the client has its 100 already); credentials
// that a policy has used; X-Consumer-Id, which only the gateway may say; and, from a peer that is no trusted proxy, every
// header that claims to know the client's address.

import type { Exchange, HeaderList } from '../pipeline/exchange.ts';
import { type TraceContext, upstreamTraceparent } from '../telemetry/trace-context.ts';

/** Header names that are for one connection only. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

// What becomes of a request's header; a name that is not in the table is passed on.
const DROPPED = 1;
/** Passed on from a trusted proxy only. */
const CLAIM = 2;
const FORWARDED_FOR = 3;
const FORWARDED_PROTO = 4;
const FORWARDED_HOST = 5;

const requestHeaders: ReadonlyMap<string, number> = new Map([
  ...HOP_BY_HOP.map((name) => [name, DROPPED] as const),
  ['http2-settings', DROPPED],
  // The client has its 100 already.
  ['expect', DROPPED],
  // Written by the gateway itself.
  ['host', DROPPED],
  ['content-length', DROPPED],
  ['x-request-id', DROPPED],
  ['x-consumer-id', DROPPED],
  ['forwarded', CLAIM],
  ['x-real-ip', CLAIM],
  ['x-client-ip', CLAIM],
  ['x-cluster-client-ip', CLAIM],
  ['x-forwarded-port', CLAIM],
  ['x-forwarded-server', CLAIM],
  ['true-client-ip', CLAIM],
  ['cf-connecting-ip', CLAIM],
  ['fastly-client-ip', CLAIM],
  ['x-forwarded-for', FORWARDED_FOR],
  ['x-forwarded-proto', FORWARDED_PROTO],
  ['x-forwarded-host', FORWARDED_HOST],
]);

// What becomes of them when the exchange is sampled: the gateway writes traceparent itself, and tracestate belongs to the
// trace that the client's traceparent named.
const continuedTraceHeaders: ReadonlyMap<string, number> = new Map([...requestHeaders, ['traceparent', DROPPED]]);
const begunTraceHeaders: ReadonlyMap<string, number> = new Map([...continuedTraceHeaders, ['tracestate', DROPPED]]);

/** The listener writes these itself; the transport has read the framing. */
const ANSWER_OWN = new Set([...HOP_BY_HOP, 'content-length', 'date', 'x-request-id', 'ratelimit', 'ratelimit-policy']);

/**
 * The headers of the request as the upstream gets it.
 * @param authority  the target's; replaced by the client's own Host where the service says so
 * @returns flat, in the client's order, the gateway's own last; values in latin1
 * @hot one Map lookup per header
 */
export function relayRequestHeaders(x: Exchange, authority: string): HeaderList {
  const plan = x.route?.plan;
  const named = connectionTokens(x.connectionHeader);
  const credentials = plan?.credentialHeaders ?? NO_NAMES;
  const relayed: HeaderList = ['host', plan?.preserveHost === true && x.authority !== '' ? x.authority : authority];
  let forwardedFor = '';
  let forwardedProto = x.scheme as string;
  let forwardedHost = x.authority;
  const headers = x.headers;
  const kinds = headerKinds(x.trace);
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const kind = kinds.get(name);
    if (kind === undefined) {
      if (!named.includes(name) && !credentials.includes(name)) relayed.push(name, value);
    } else if (kind !== DROPPED && x.peerTrusted && !named.includes(name)) {
      if (kind === FORWARDED_FOR) forwardedFor += `${value}, `;
      else if (kind === FORWARDED_PROTO) forwardedProto = value;
      else if (kind === FORWARDED_HOST) forwardedHost = value;
      else relayed.push(name, value);
    }
  }
  relayed.push('x-forwarded-for', forwardedFor + x.peerAddress, 'x-forwarded-proto', forwardedProto);
  if (forwardedHost !== '') relayed.push('x-forwarded-host', forwardedHost);
  relayed.push('x-request-id', x.requestId);
  if (x.trace !== undefined) relayed.push('traceparent', upstreamTraceparent(x.trace));
  if (x.consumer !== undefined) relayed.push('x-consumer-id', x.consumer.name);
  if (x.bodyLength > 0) relayed.push('content-length', String(x.bodyLength));
  return relayed;
}

/** @hot */
function headerKinds(trace: TraceContext | undefined): ReadonlyMap<string, number> {
  if (trace === undefined) return requestHeaders;
  return trace.parentSpanId === '' ? begunTraceHeaders : continuedTraceHeaders;
}

export interface RelayedAnswer {
  /** Bytes the upstream announced; -1 when it did not. */
  length: number;
}

/**
 * Append the upstream's headers, as the client gets them, to the gateway's own.
 * @returns false when a value cannot be passed on: it would split the answer
 */
export function relayAnswerHeaders(received: HeaderList, into: HeaderList, answer: RelayedAnswer): boolean {
  answer.length = -1;
  let connection = '';
  for (let i = 0; i < received.length; i += 2) {
    if (received[i] === 'connection') connection += `,${received[i + 1] as string}`;
  }
  const named = connectionTokens(connection.toLowerCase());
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i] as string;
    const value = received[i + 1] as string;
    if (name === 'content-length') answer.length = Number(value);
    if (ANSWER_OWN.has(name) || named.includes(name)) continue;
    if (UNSAFE_VALUE.test(value)) return false;
    into.push(name, value);
  }
  return true;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const UNSAFE_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

const NO_NAMES: readonly string[] = [];

/** Names in a Connection header that are not for us; none, in the usual case. */
function connectionTokens(value: string): readonly string[] {
  if (value === '' || value === 'keep-alive' || value === 'close') return NO_NAMES;
  return value.split(',').map((token) => token.trim());
}
