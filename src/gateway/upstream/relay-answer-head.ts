// The head of an upstream's answer on its way to the client.

import type { Exchange } from '../pipeline/exchange.ts';
import { asHeaderLines } from '../pipeline/header-lines.ts';
import { commonLines, endingOf } from '../pipeline/respond.ts';
import type { AnswerHead } from './transports/answer-head.ts';

// The listener has its own, and one of them counts (RFC 6797 §8.1).
const UPSTREAM_HSTS = /^strict-transport-security:[^\r\n]*\r\n/gim;

/** From here on, an error can only cut the connection. @hot */
export function relayAnswerHead(x: Exchange, head: AnswerHead): void {
  const { status, length } = head;
  const relayed = head.relayedLines();
  let lines = commonLines(x) + (x.listener.headerLines === '' ? relayed : relayed.replace(UPSTREAM_HSTS, ''));
  if (x.affinityLine !== '') lines += x.affinityLine;
  if (x.route?.plan.serverTiming === true) lines += `server-timing: ${timing(x)}\r\n`;
  const bodyless = x.method === 'HEAD' || status === 204 || status === 304;
  x.status = status;
  x.headSent = true;
  // An answer that overtakes its request's body ends the connection: what is left of the body would be read as a request.
  x.stream.writeHead(status, asHeaderLines(lines, head.isAscii), status === 204 ? -1 : length, bodyless, endingOf(x));
}

/** gateway: from the request's head to its being sent upstream; upstream: from there to the answer's head. */
function timing({ startUs, sentUs, answerUs }: Exchange): string {
  const gatewayMs = (sentUs - startUs) / 1_000;
  const upstreamMs = (answerUs - sentUs) / 1_000;
  return `gateway;dur=${gatewayMs.toFixed(3)}, upstream;dur=${upstreamMs.toFixed(3)}`;
}
