// The head of an upstream's answer on its way to the client.

import { besideListener } from '../pipeline/beside-listener.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { asHeaderLines } from '../pipeline/header-lines.ts';
import { commonLines, endingOf } from '../pipeline/respond.ts';
import type { AnswerHead } from './transports/answer-head.ts';

/** From here on, an error can only cut the connection. @hot */
export function relayAnswerHead(x: Exchange, head: AnswerHead): void {
  const { status, length } = head;
  let lines = answerLines(x, head);
  if (x.affinityLine !== '') lines += x.affinityLine;
  if (x.route?.plan.serverTiming === true) lines += `server-timing: ${timing(x)}\r\n`;
  const bodyless = x.method === 'HEAD' || status === 204 || status === 304;
  x.status = status;
  x.headSent = true;
  // An answer that overtakes its request's body ends the connection: what is left of the body would be read as a request.
  x.stream.writeHead(status, asHeaderLines(lines, head.isAscii), status === 204 ? -1 : length, bodyless, endingOf(x));
}

/** What every answer carries, and what of the upstream's is passed on. @hot */
export function answerLines(x: Exchange, head: AnswerHead): string {
  const shape = x.route?.shape;
  return commonLines(x) + besideListener(x, shape === undefined ? head.relayedLines() : shape.relayed(x, head));
}

/** The lines of a mock, which stands in for an upstream. */
export function mockLines(x: Exchange, lines: string): string {
  return besideListener(x, x.route?.shape?.relayedText(x, lines) ?? lines);
}

/** gateway: from the request's head to its being sent upstream; upstream: from there to the answer's head. */
function timing({ startUs, sentUs, answerUs }: Exchange): string {
  const gatewayMs = (sentUs - startUs) / 1_000;
  const upstreamMs = (answerUs - sentUs) / 1_000;
  return `gateway;dur=${gatewayMs.toFixed(3)}, upstream;dur=${upstreamMs.toFixed(3)}`;
}
