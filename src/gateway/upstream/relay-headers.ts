// Which headers cross the gateway, either way (RFC 9110 §7.6.1), and what it adds.
//
// Never forwarded: hop-by-hop headers and whatever Connection names; Expect (the client has its 100 already); credentials
// that a policy has used; X-Consumer-Id, which only the gateway may say; and, from a peer that is no trusted proxy, every
// header that claims to know the client's address.

import type { Exchange } from '../pipeline/exchange.ts';
import { type TraceContext, upstreamTraceparent } from '../telemetry/trace-context.ts';
import { HeaderKinds } from './header-kinds.ts';
import { hopByHopNames } from './hop-by-hop-names.ts';

// What becomes of a request's header; a name that is not in the table is passed on.
const DROPPED = 1;
/** Passed on from a trusted proxy only. */
const CLAIM = 2;
const FORWARDED_FOR = 3;
const FORWARDED_PROTO = 4;
const FORWARDED_HOST = 5;

const requestKinds: readonly (readonly [string, number])[] = [
  ...hopByHopNames.map((name) => [name, DROPPED] as const),
  ['http2-settings', DROPPED],
  // The client has its 100 already.
  ['expect', DROPPED],
  // Written by the gateway itself.
  ['host', DROPPED],
  ['content-length', DROPPED],
  ['x-request-id', DROPPED],
  ['x-consumer-id', DROPPED],
  // For the gateway only.
  ['x-sluice-explain', DROPPED],
  ['x-sluice-mirror', CLAIM],
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
];
const requestHeaders = new HeaderKinds(requestKinds);

// What becomes of them when the exchange is sampled: the gateway writes traceparent itself, and tracestate belongs to the
// trace that the client's traceparent named.
const continuedTraceHeaders = new HeaderKinds([...requestKinds, ['traceparent', DROPPED]]);
const begunTraceHeaders = new HeaderKinds([...requestKinds, ['traceparent', DROPPED], ['tracestate', DROPPED]]);

/**
 * The header lines of the request as the upstream gets it.
 * @param authority  the target's; replaced by the client's own Host where the service says so
 * @returns in the client's order, the gateway's own last; in latin1
 * @hot one table lookup per header, and one string in the end
 */
export function relayRequestLines(x: Exchange, authority: string): string {
  const plan = x.route?.plan;
  const named = connectionTokens(x.connectionHeader);
  const credentials = plan?.credentialHeaders ?? NO_NAMES;
  const cookies = plan?.credentialCookies ?? NO_NAMES;
  let lines = hostLine(plan?.preserveHost === true && x.authority !== '' ? x.authority : authority);
  let forwardedFor = '';
  let forwardedProto = x.scheme as string;
  let forwardedHost = x.authority;
  const headers = x.headers;
  const kinds = headerKinds(x.trace);
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const kind = kinds.of(name);
    if (kind === 0) {
      if ((named.length > 0 && named.includes(name)) || credentials.includes(name)) continue;
      lines += cookies.length > 0 && name === 'cookie' ? cookieLine(value, cookies) : `${name}: ${value}\r\n`;
    } else if (kind !== DROPPED && x.peerTrusted && !named.includes(name)) {
      if (kind === FORWARDED_FOR) forwardedFor += `${value}, `;
      else if (kind === FORWARDED_PROTO) forwardedProto = value;
      else if (kind === FORWARDED_HOST) forwardedHost = value;
      else lines += `${name}: ${value}\r\n`;
    }
  }
  const claims = forwardedFor === '' ? x.peerAddress : forwardedFor + x.peerAddress;
  lines += forwardedLines(claims, forwardedProto, forwardedHost);
  lines += `x-request-id: ${x.requestId}\r\n`;
  if (x.trace !== undefined) lines += `traceparent: ${upstreamTraceparent(x.trace)}\r\n`;
  if (x.consumer !== undefined && !x.isConsumerHidden) {
    lines += `x-consumer-id: ${x.consumer.name}\r\n`;
    if (x.consumer.headerLines !== undefined) lines += x.consumer.headerLines;
  }
  if (x.upstreamLines !== '') lines += x.upstreamLines;
  if (x.bodyLength > 0 || (x.bodyLength === 0 && EXPECTS_BODY.has(x.method))) {
    lines += `content-length: ${x.bodyLength}\r\n`;
  }
  return lines;
}

/** @returns '' when nothing is left */
function cookieLine(value: string, credentials: readonly string[]): string {
  const kept = value.split(';').filter((pair) => !credentials.includes((pair.split('=', 1)[0] as string).trim()));
  return kept.length === 0 ? '' : `cookie: ${kept.join(';').trim()}\r\n`;
}

// The lines of the last request: behind a load balancer, and for the requests of one connection, they are those of the next.
// As one flat string instead of a tree of pieces they save a tenth of what putting the head together costs.
const forwarded = { claims: '\0', proto: '', host: '', lines: '', isFlat: false };

/** @hot */
function forwardedLines(claims: string, proto: string, host: string): string {
  if (claims === forwarded.claims && host === forwarded.host && proto === forwarded.proto) {
    if (!forwarded.isFlat) forwarded.lines = flat(forwarded.lines);
    forwarded.isFlat = true;
    return forwarded.lines;
  }
  forwarded.claims = claims;
  forwarded.proto = proto;
  forwarded.host = host;
  forwarded.isFlat = false;
  const lines = `x-forwarded-for: ${claims}\r\nx-forwarded-proto: ${proto}\r\n`;
  forwarded.lines = host === '' ? lines : `${lines}x-forwarded-host: ${host}\r\n`;
  return forwarded.lines;
}

// By authority. Clients choose some of them (preserveHost): forgotten all at once.
const hostLines = new Map<string, string>();
const HOST_LINES_MAX = 1_024;

/** @hot */
function hostLine(authority: string): string {
  const known = hostLines.get(authority);
  if (known !== undefined) return known;
  if (hostLines.size >= HOST_LINES_MAX) hostLines.clear();
  const line = flat(`host: ${authority}\r\n`);
  hostLines.set(authority, line);
  return line;
}

/** The same text in one piece. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** @hot */
function headerKinds(trace: TraceContext | undefined): HeaderKinds {
  if (trace === undefined) return requestHeaders;
  return trace.parentSpanId === '' ? begunTraceHeaders : continuedTraceHeaders;
}

// Without a body they say so (RFC 9110 §8.6).
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

const NO_NAMES: readonly string[] = [];

/** Names in a Connection header that are not for us; none, in the usual case. */
function connectionTokens(value: string): readonly string[] {
  if (value === '' || value === 'keep-alive' || value === 'close') return NO_NAMES;
  return value.split(',').map((token) => token.trim());
}
