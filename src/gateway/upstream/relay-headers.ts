// Which headers cross the gateway, either way (RFC 9110 §7.6.1), and what it adds.
//
// Never forwarded: hop-by-hop headers and whatever Connection names; Expect (the client has its 100 already); credentials
// that a policy has used; X-Consumer-Id, which only the gateway may say; and, from a peer that is no trusted proxy, every
// header that claims to know the client's address.

import type { Exchange, HeaderList } from '../pipeline/exchange.ts';

/** Header names that are for one connection only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Besides the hop-by-hop ones, what a request's relay writes by itself or drops. */
const REQUEST_OWN = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'x-request-id',
  'x-consumer-id',
  'http2-settings',
]);

const CLIENT_CLAIMS = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'x-real-ip']);

/** The listener writes these itself; the transport has read the framing. */
const ANSWER_OWN = new Set([...HOP_BY_HOP, 'content-length', 'date', 'x-request-id', 'ratelimit', 'ratelimit-policy']);

/**
 * The headers of the request as the upstream gets it.
 * @param authority  the target's; replaced by the client's own Host where the service says so
 * @returns flat, in the client's order, the gateway's own last; values in latin1
 */
export function relayRequestHeaders(x: Exchange, authority: string): HeaderList {
  const plan = x.route?.plan;
  const trusted = x.peerTrusted;
  const named = connectionTokens(x.connectionHeader);
  const credentials = plan?.credentialHeaders ?? [];
  const host = plan?.preserveHost === true && x.authority !== '' ? x.authority : authority;
  const relayed: HeaderList = ['host', host];
  let forwardedFor = '';
  let forwardedProto = '';
  let forwardedHost = '';
  const headers = x.headers;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (REQUEST_OWN.has(name) || (named !== undefined && named.includes(name)) || credentials.includes(name)) continue;
    const value = headers[i + 1] as string;
    if (CLIENT_CLAIMS.has(name)) {
      if (!trusted) continue;
      if (name === 'x-forwarded-for') {
        forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`;
        continue;
      }
      if (name === 'x-forwarded-proto') {
        forwardedProto = value;
        continue;
      }
      if (name === 'x-forwarded-host') {
        forwardedHost = value;
        continue;
      }
    }
    relayed.push(name, value);
  }
  relayed.push('x-forwarded-for', forwardedFor === '' ? x.peerAddress : `${forwardedFor}, ${x.peerAddress}`);
  relayed.push('x-forwarded-proto', forwardedProto === '' ? x.scheme : forwardedProto);
  if (forwardedHost !== '') relayed.push('x-forwarded-host', forwardedHost);
  else if (x.authority !== '') relayed.push('x-forwarded-host', x.authority);
  relayed.push('x-request-id', x.requestId);
  if (x.consumer !== undefined) relayed.push('x-consumer-id', x.consumer.name);
  if (x.bodyLength > 0) relayed.push('content-length', String(x.bodyLength));
  return relayed;
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
    if (ANSWER_OWN.has(name) || (named !== undefined && named.includes(name))) continue;
    if (UNSAFE_VALUE.test(value)) return false;
    into.push(name, value);
  }
  return true;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const UNSAFE_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Names in a Connection header, or undefined when there is nothing to drop (the usual case). */
function connectionTokens(value: string): readonly string[] | undefined {
  if (value === '' || value === 'keep-alive' || value === 'close') return undefined;
  return value.split(',').map((token) => token.trim());
}
