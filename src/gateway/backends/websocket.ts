// The backend of WebSocket handshakes: the upstream is asked first, and only its 101 gives the client one. Any other answer
// of it is passed on, and none at all is a problem as for every request.

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { explainTry } from '../explain/explain-try.ts';
import { ADMIT, errors } from '../pipeline/errors.ts';
import type { BackendCall, Exchange, HeaderList } from '../pipeline/exchange.ts';
import { asHeaderLines, type HeaderLines, listOfLines } from '../pipeline/header-lines.ts';
import { cut, endingOf, finish, refuse } from '../pipeline/respond.ts';
import { REFUSED } from '../upstream/circuit-breaker.ts';
import { errorOfFailure } from '../upstream/error-of-failure.ts';
import type { LiveTarget, LiveUpstream } from '../upstream/live-upstream.ts';
import { Outcome, outcomeOfFailure, outcomeOfStatus } from '../upstream/outcome.ts';
import { answerLines } from '../upstream/relay-answer-head.ts';
import { relayRequestLines } from '../upstream/relay-headers.ts';
import type { AnswerHead } from '../upstream/transports/answer-head.ts';
import { headOfFields } from '../upstream/transports/head-of-fields.ts';
import type { TransportFailure } from '../upstream/transports/transport.ts';
import { upstreamPath } from '../upstream/upstream-path.ts';
import { connectSocket, type SocketCall, type SocketRequestHandler } from '../websocket/connect-socket.ts';
import { protocolsOf } from '../websocket/inspect-handshake.ts';
import type { MessageSocket, SocketListener } from '../websocket/message-socket.ts';
import { Session } from '../websocket/session.ts';
import type { Backend } from './backend.ts';

// What is passed on of the body of an upstream's refusal; past that, the client's connection is cut.
const REFUSAL_BYTES_MAX = 64 * 1024;

export class WebSocketBackend implements Backend {
  readonly #upstream: LiveUpstream;

  constructor(upstream: LiveUpstream) {
    this.#upstream = upstream;
  }

  start(x: Exchange): void {
    const verdict = this.#upstream.admit();
    if (verdict !== ADMIT) return refuse(x, verdict, 'no target of the upstream is known');
    // The engine's parser has taken it for a plain request.
    if (x.offer === undefined) return refuse(x, errors.BAD_HANDSHAKE.id);
    const call = new HandshakeCall(x, this.#upstream);
    x.call = call;
    call.send();
  }
}

class HandshakeCall implements BackendCall, SocketRequestHandler {
  readonly #x: Exchange;
  readonly #upstream: LiveUpstream;
  readonly #target: LiveTarget;
  readonly #totalDueMs: number;
  #socketCall: SocketCall | undefined;
  #isConnected = false;
  /** The try is under way: the target has been entered, and not left. */
  #isUnderWay = false;
  /** Of the circuit, until it was told what became of the handshake. */
  #ticket = REFUSED;

  constructor(x: Exchange, upstream: LiveUpstream) {
    const { nowMs } = x.plane.deadlines;
    const { totalTimeoutMs } = upstream.plan;
    this.#x = x;
    this.#upstream = upstream;
    this.#totalDueMs = totalTimeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + totalTimeoutMs;
    this.#target = upstream.pick(x, nowMs, undefined);
  }

  send(): void {
    const x = this.#x;
    if (!this.#passCircuit()) {
      x.retryAfterSeconds = this.#upstream.circuit?.retryAfterSeconds(x.plane.deadlines.nowMs) ?? 0;
      return refuse(x, errors.CIRCUIT_OPEN.id);
    }
    const { plan } = this.#target;
    x.target = plan;
    x.sentUs = x.plane.clock.nowUs();
    this.#upstream.enter(this.#target);
    this.#isUnderWay = true;
    if (x.explanation !== undefined) explainTry(x, this.#upstream, this.#target);
    this.#arm(this.#upstream.plan.connectTimeoutMs);
    this.#socketCall = connectSocket(
      {
        connector: this.#upstream.connectorOf(this.#target),
        path: plan.basePath + upstreamPath(x),
        headers: handshakeHeaders(listOfLines(relayRequestLines(x, plan.authority)), x),
        protocols: protocolsOf(x),
        messageBytesMax: x.offer?.messageBytesMax ?? 0,
      },
      this,
    );
  }

  // BackendCall. A handshake has no body, and what it is refused with is small.

  sendBody(): void {}

  resumeAnswer(): void {}

  expire(): void {
    if (this.#x.headSent) return cut(this.#x);
    this.#observe(this.#isConnected ? Outcome.TIMEOUT : Outcome.CONNECT_TIMEOUT);
    refuse(this.#x, errors.UPSTREAM_TIMEOUT.id);
  }

  cancel(): void {
    this.#socketCall?.cancel();
    this.#leave();
    this.#returnTicket(Outcome.ABANDONED, 0);
  }

  // From the upstream.

  onConnected(): void {
    this.#isConnected = true;
    this.#arm(this.#upstream.plan.responseTimeoutMs);
  }

  onOpen(received: HeaderList, protocol: string, take: (listener: SocketListener) => MessageSocket): void {
    const head = this.#takeHead(101, received);
    if (head === undefined) return refuse(this.#x, errors.BAD_GATEWAY.id);
    const headers = withoutHandshake(listOfLines(this.#linesOf(head)));
    new Session(this.#x, this.#upstream.plan, this.#totalDueMs, () => this.#leave()).open(headers, protocol, take);
  }

  onAnswer(status: number, received: HeaderList, body: IncomingMessage): void {
    const x = this.#x;
    const head = this.#takeHead(status, received);
    if (head === undefined) return refuse(x, errors.BAD_GATEWAY.id);
    x.status = status;
    x.headSent = true;
    // Whatever the client sends now, it takes for a WebSocket's.
    x.closeAfter = true;
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    const isBodyless = status === 204 || status === 304;
    x.stream.writeHead(status, this.#linesOf(head), status === 204 ? -1 : head.length, isBodyless, endingOf(x));
    body.on('data', (chunk: Buffer) => {
      x.answerBytes += chunk.length;
      if (x.answerBytes > REFUSAL_BYTES_MAX) cut(x);
      else x.stream.write(chunk);
    });
    body.on('end', () => {
      this.#leave();
      x.stream.end(endingOf(x));
      finish(x);
    });
    body.on('error', () => cut(x));
  }

  onFailure(failure: TransportFailure): void {
    const x = this.#x;
    this.#observe(outcomeOfFailure(failure));
    this.#leave();
    x.call = undefined;
    refuse(x, errorOfFailure(failure));
  }

  /** @returns undefined when it cannot be passed on */
  #takeHead(status: number, received: HeaderList): AnswerHead | undefined {
    const x = this.#x;
    x.answerUs = x.plane.clock.nowUs();
    this.#observe(outcomeOfStatus(status));
    return headOfFields(
      status,
      received.map((text) => Buffer.from(text, 'latin1')),
    );
  }

  #passCircuit(): boolean {
    const { circuit } = this.#upstream;
    if (circuit === undefined) return true;
    this.#ticket = circuit.admit(this.#x.plane.deadlines.nowMs);
    return this.#ticket !== REFUSED;
  }

  #observe(outcome: Outcome): void {
    const { deadlines, clock } = this.#x.plane;
    const latencyUs = clock.nowUs() - this.#x.sentUs;
    this.#upstream.observe(this.#target, outcome, latencyUs, deadlines.nowMs);
    this.#returnTicket(outcome, latencyUs);
  }

  #returnTicket(outcome: Outcome, latencyUs: number): void {
    if (this.#ticket === REFUSED) return;
    this.#upstream.circuit?.record(this.#ticket, outcome, latencyUs, this.#x.plane.clock.nowUs() / 1_000);
    this.#ticket = REFUSED;
  }

  #leave(): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    this.#upstream.leave(this.#target);
  }

  /** The header lines of the client's answer. */
  #linesOf(head: AnswerHead): HeaderLines {
    return asHeaderLines(answerLines(this.#x, head) + this.#x.affinityLine, head.isAscii);
  }

  #arm(ms: number): void {
    const { deadlines } = this.#x.plane;
    deadlines.arm(this.#x, Math.max(0, Math.min(ms, this.#totalDueMs - deadlines.nowMs)));
  }
}

/** As every request's, but that of the client's handshake only the subprotocols go on: the rest is the gateway's own. */
function handshakeHeaders(lines: HeaderList, x: Exchange): OutgoingHttpHeaders {
  // Of names that the client chose.
  const headers = Object.create(null) as Record<string, string[]>;
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string;
    if (isHandshakeHeader(name)) continue;
    headers[name] ??= [];
    headers[name].push(lines[i + 1] as string);
  }
  const protocols = protocolsOf(x);
  if (protocols.length > 0) headers['sec-websocket-protocol'] = [protocols.join(', ')];
  return headers;
}

function withoutHandshake(headers: HeaderList): HeaderList {
  return headers.filter((_, index) => !isHandshakeHeader(headers[index - (index % 2)] as string));
}

function isHandshakeHeader(name: string): boolean {
  return name.startsWith('sec-websocket-');
}
