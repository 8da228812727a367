// How an exchange ends. finish() is the only caller of record: nothing ends unrecorded.

import { STATUS_CODES } from 'node:http';
import { allowHeader } from '../router/methods.ts';
import { record } from '../telemetry/record.ts';
import { besideListener } from './beside-listener.ts';
import { type ErrorSpec, errorCodes, errors, type Verdict } from './errors.ts';
import { Ending, type Exchange, Phase } from './exchange.ts';
import type { HeaderLines } from './header-lines.ts';
import { dropBody } from './kept-body.ts';
import { problemBody } from './problem.ts';
import type { RelayedAnswer } from './relayed-answer.ts';

// An answer given before the body was read waits for so much of it; past that, the connection is closed behind it.
export const DISCARDED_BYTES_MAX = 64 * 1024;

// How much of an upload is read and dropped behind an answer that overtakes it. Behind more, and behind chunks, whose end
// nobody knows, the connection is closed at once.
const LINGER_BYTES_MAX = 64 * 1024 * 1024;

// What Exchange.tellsMessageOnly is about.
const TOLD_AS_MESSAGE: ReadonlySet<number> = new Set([errors.UNAUTHENTICATED.id, errors.SIGNATURE_REFUSED.id]);

// How long an answer may wait for a small request body that is still on its way.
const DISCARD_TIMEOUT_MS = 2_000;

const NO_CONTENT = 204;

/** End the exchange with an answer of the gateway's own. */
export function refuse(x: Exchange, errorId: Verdict, detail = ''): void {
  if (x.phase === Phase.DONE || x.phase === Phase.DISCARDING) return;
  if (x.headSent) return cut(x);
  if (x.phase === Phase.PARKED) x.plane.parking.leave(x);
  const code = errorCodes[errorId] ?? 'INTERNAL';
  const spec: ErrorSpec = errors[code];
  x.errorId = spec.id;
  if (x.relayed !== undefined) return relay(x, x.relayed);
  const isMessage = x.tellsMessageOnly && TOLD_AS_MESSAGE.has(spec.id);
  let lines = `content-type: application/${isMessage ? 'json' : 'problem+json'}\r\n`;
  if (spec.id === errors.METHOD_NOT_ALLOWED.id) lines += `allow: ${allowHeader(x.allowMask)}\r\n`;
  if (x.challenge !== '' && (spec.id === errors.UNAUTHENTICATED.id || spec.id === errors.INSUFFICIENT_SCOPE.id))
    lines += `www-authenticate: ${x.challenge}\r\n`;
  if (spec.id === errors.WEBSOCKET_VERSION.id) lines += 'sec-websocket-version: 13\r\nupgrade: websocket\r\n';
  if (x.retryAfterSeconds > 0) lines += `retry-after: ${x.retryAfterSeconds}\r\n`;
  if (x.route?.shape !== undefined) lines += besideListener(x, x.route.shape.ownLines(x));
  const status = spec.id === errors.FAULT_INJECTED.id ? x.faultStatus : spec.status;
  const told = detail === '' ? x.detail : detail;
  const body = isMessage ? JSON.stringify({ message: told }) : problemBody(code, told, x.requestId, status);
  answerWith(x, status, lines, body);
}

/** What an authoriser said to the client. */
function relay(x: Exchange, { status, lines, body }: RelayedAnswer): void {
  const isAsked =
    status === errors.UNAUTHENTICATED.status && x.challenge !== '' && !lines.includes('www-authenticate: ');
  answerWith(x, status, isAsked ? `${lines}www-authenticate: ${x.challenge}\r\n` : lines, body);
}

/**
 * End the exchange with an answer that is whole already: no backend has anything to say any more.
 * @param lines  besides those that every answer carries
 */
export function answerWith(x: Exchange, status: number, lines: string, body: string): void {
  x.status = status;
  x.call?.cancel();
  x.call = undefined;
  // The upstream has nothing more to do for it, however long its client takes to send what is left of the body.
  if (x.load !== undefined) x.load.leave(x);
  dropBody(x);
  x.answer = { lines: commonLines(x) + lines, body };
  x.plane.deadlines.disarm(x);
  answerWhenRead(x);
}

/**
 * The header lines that every answer carries, all ASCII: the request's id, cookies, what limits applied, which pages may read it, and
 * how it was decided.
 * @hot
 */
export function commonLines(x: Exchange): string {
  const shape = x.route?.shape;
  const lines = shape === undefined ? ownLines(x) : ownLines(x) + shape.commonLines(x);
  return x.explanation === undefined ? lines : lines + x.explanation.lines();
}

function ownLines(x: Exchange): string {
  const always = `x-request-id: ${x.requestId}\r\n${x.listener.headerLines}${x.setCookies}`;
  if (x.limitLabel === '') return always;
  const ofRoute = x.route?.plan.rateLimitPolicy ?? '';
  const policy = x.policyItems === '' ? ofRoute : joined(ofRoute, x.policyItems);
  const limit = `"${x.limitLabel}";r=${x.limitRemaining};t=${x.limitResetSeconds}`;
  return `${always}ratelimit-policy: ${policy}\r\nratelimit: ${limit}\r\n`;
}

function joined(one: string, other: string): string {
  return one === '' ? other : `${one}, ${other}`;
}

/** Send the gateway's own answer, and end. */
export function sendAnswer(x: Exchange): void {
  const answer = x.answer;
  if (x.phase === Phase.DONE || answer === undefined) return;
  if (!x.clientGone) {
    if (x.status === NO_CONTENT) sendHead(x, answer.lines);
    else {
      const bodyless = x.method === 'HEAD';
      x.stream.respond(x.status, answer.lines, answer.body, bodyless, endingOf(x));
      if (!bodyless) x.answerBytes = Buffer.byteLength(answer.body);
    }
  }
  finish(x);
}

/** Without a length: a 204 says none (RFC 9110 §8.6). */
function sendHead(x: Exchange, lines: HeaderLines): void {
  const ending = endingOf(x);
  x.stream.writeHead(x.status, lines, -1, true, ending);
  x.stream.end(ending);
}

/** What becomes of the client's connection behind the answer, as things stand. @hot */
export function endingOf(x: Exchange): Ending {
  if (x.closeAfter || x.listener.isClosing || x.plane.isDraining()) return Ending.CLOSE;
  if (x.bodyEnded) return Ending.KEEP;
  return x.bodyLength > 0 && x.bodyLength - x.bodyBytes <= LINGER_BYTES_MAX ? Ending.LINGER : Ending.CLOSE;
}

/** Cut the client's connection: the answer cannot be completed, and must not look complete. */
export function cut(x: Exchange): void {
  if (x.phase === Phase.DONE) return;
  x.call?.cancel();
  x.call = undefined;
  if (!x.clientGone) {
    x.wasCut = true;
    x.stream.abort();
  }
  finish(x);
}

/** The client's connection is gone. */
export function onClientGone(x: Exchange): void {
  if (x.phase === Phase.DONE) return;
  x.clientGone = true;
  if (x.phase === Phase.PARKED) x.plane.parking.leave(x);
  cut(x);
}

/** The one end of an exchange: it is recorded, and everything it held is given back. @hot */
export function finish(x: Exchange): void {
  if (x.phase === Phase.DONE) return;
  x.phase = Phase.DONE;
  x.call = undefined;
  x.answer = undefined;
  x.copy?.leave();
  dropBody(x);
  record(x);
  x.plane.end(x);
}

function answerWhenRead(x: Exchange): void {
  const expected = x.bodyLength < 0 ? DISCARDED_BYTES_MAX : x.bodyLength;
  if (x.bodyEnded || x.clientGone) return sendAnswer(x);
  if (expected > DISCARDED_BYTES_MAX || x.bodyBytes > DISCARDED_BYTES_MAX || x.closeAfter) return sendAnswer(x);
  x.phase = Phase.DISCARDING;
  x.plane.deadlines.arm(x, DISCARD_TIMEOUT_MS);
  if (x.bodyPaused) x.stream.resumeBody();
  x.bodyPaused = false;
}

/** Status line's reason for a status: 200 → '200 OK'. @hot */
export function statusLine(status: number): string {
  return statusLines[status] ?? `${status} Unknown`;
}

const statusLines: readonly (string | undefined)[] = Array.from({ length: 600 }, (_, status) => {
  const reason = STATUS_CODES[status];
  return reason === undefined ? undefined : `${status} ${reason}`;
});
