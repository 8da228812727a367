// The backend that proxies: streams the request to a target of an upstream and the answer back, with backpressure both
// ways. An upstream that fails before its answer's head gives a problem; after it, the client's connection is cut.

import { assertNever } from '../../base/assert.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../pipeline/errors.ts';
import type { BackendCall, Exchange } from '../pipeline/exchange.ts';
import { asHeaderLines } from '../pipeline/header-lines.ts';
import { releaseBody } from '../pipeline/kept-body.ts';
import { commonLines, cut, endingOf, finish, refuse } from '../pipeline/respond.ts';
import type { LoadPlan } from '../snapshot.ts';
import type { LiveTarget, LiveUpstream } from '../upstream/live-upstream.ts';
import { Outcome, outcomeOfFailure, outcomeOfStatus } from '../upstream/outcome.ts';
import { relayRequestLines } from '../upstream/relay-headers.ts';
import type { AnswerHead } from '../upstream/transports/answer-head.ts';
import type { AnswerHandler, TransportCall, TransportFailure } from '../upstream/transports/transport.ts';
import type { Backend } from './backend.ts';

export class UpstreamBackend implements Backend {
  readonly #upstream: LiveUpstream;

  constructor(upstream: LiveUpstream) {
    this.#upstream = upstream;
  }

  start(x: Exchange): void {
    const { load } = this.#upstream;
    if (load === undefined) return this.begin(x);
    const verdict = load.admit(x, this.#upstream.plan.concurrency as LoadPlan, this);
    if (verdict === ADMIT) this.begin(x);
    else if (verdict !== WAIT) refuse(x, verdict);
  }

  /** It has its place, where places are limited. */
  begin(x: Exchange): void {
    const call = new UpstreamCall(x, this.#upstream);
    x.call = call;
    call.start();
    // A transport may fail at once, and the call be gone.
    if (x.call === call) releaseBody(x);
  }
}

// Methods whose repetition does no harm (RFC 9110 §9.2.2).
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH']);

class UpstreamCall implements BackendCall, AnswerHandler {
  readonly #x: Exchange;
  readonly #upstream: LiveUpstream;
  readonly #totalDueMs: number;
  /** Of the try under way. */
  #target: LiveTarget | undefined;
  #tryUs = 0;
  #observed = false;
  #transportCall: TransportCall | undefined;
  #sending = false;
  #retried = false;
  #answerPaused = false;
  #ended = false;

  constructor(x: Exchange, upstream: LiveUpstream) {
    this.#x = x;
    this.#upstream = upstream;
    const nowMs = x.plane.deadlines.nowMs;
    this.#totalDueMs =
      upstream.plan.totalTimeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + upstream.plan.totalTimeoutMs;
  }

  start(): void {
    const x = this.#x;
    const { nowMs } = x.plane.deadlines;
    const verdict = this.#upstream.admit(x, nowMs);
    if (verdict !== ADMIT) return this.#refuse(verdict);
    this.#try(this.#upstream.pick(x, nowMs, undefined));
  }

  #try(target: LiveTarget): void {
    const x = this.#x;
    const { plan, transport } = target;
    this.#target = target;
    this.#observed = false;
    this.#upstream.enter(target);
    this.#sending = true;
    x.target = plan;
    this.#tryUs = x.plane.clock.nowUs();
    if (x.sentUs === 0) x.sentUs = this.#tryUs;
    this.#arm(this.#upstream.plan.responseTimeoutMs);
    const call = transport.send(
      {
        method: x.method,
        path: plan.basePath + upstreamPath(x) + x.query,
        headerLines: relayRequestLines(x, plan.authority),
        bodyLength: x.bodyLength,
        isRepeatable: this.#isRepeatable(),
        isRetry: this.#retried,
      },
      this,
    );
    if (this.#sending) this.#transportCall = call;
  }

  /** What the try came to, once: a failure after an answer's head has no say any more. @hot */
  #observe(outcome: Outcome, nowUs: number): void {
    if (this.#observed || this.#target === undefined) return;
    this.#observed = true;
    this.#upstream.observe(this.#target, outcome, nowUs - this.#tryUs, this.#x.plane.deadlines.nowMs);
    this.#upstream.load?.observe(outcome, nowUs - this.#tryUs);
  }

  /** @hot */
  #leave(): void {
    if (this.#target === undefined) return;
    this.#upstream.leave(this.#target);
    this.#target = undefined;
  }

  // BackendCall: from the client.

  sendBody(chunk: Buffer, last: boolean): void {
    const { responseTimeoutMs, idleTimeoutMs } = this.#upstream.plan;
    this.#arm(last ? responseTimeoutMs : Math.max(idleTimeoutMs, responseTimeoutMs));
    const more = this.#transportCall?.sendBody(chunk, last) ?? true;
    if (!more && !last && !this.#x.bodyPaused) {
      this.#x.bodyPaused = true;
      this.#x.stream.pauseBody();
    }
  }

  resumeAnswer(): void {
    if (!this.#answerPaused) return;
    this.#answerPaused = false;
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    this.#transportCall?.resume();
  }

  expire(): void {
    const x = this.#x;
    const isUpstreamLate = x.bodyEnded || x.bodyPaused;
    this.#observe(isUpstreamLate ? Outcome.TIMEOUT : Outcome.ABANDONED, x.plane.clock.nowUs());
    if (x.headSent) return cut(x);
    if (!isUpstreamLate) {
      x.closeAfter = true;
      return refuse(x, errors.REQUEST_TIMEOUT.id);
    }
    refuse(x, errors.UPSTREAM_TIMEOUT.id);
  }

  cancel(): void {
    this.#ended = true;
    this.#sending = false;
    this.#transportCall?.cancel();
    this.#transportCall = undefined;
    this.#observe(Outcome.ABANDONED, this.#x.plane.clock.nowUs());
    this.#leave();
  }

  // AnswerHandler: from the upstream.

  onHead(head: AnswerHead): void {
    if (this.#ended) return;
    const x = this.#x;
    x.answerUs = x.plane.clock.nowUs();
    const { status, length } = head;
    this.#observe(outcomeOfStatus(status), x.answerUs);
    let lines = commonLines(x) + head.relayedLines();
    if (x.route?.plan.serverTiming === true) lines += `server-timing: ${this.#timing()}\r\n`;
    const bodyless = x.method === 'HEAD' || status === 204 || status === 304;
    x.status = status;
    x.headSent = true;
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    // An answer that overtakes its request's body ends the connection: what is left of the body would be read as a request.
    x.stream.writeHead(status, asHeaderLines(lines, head.isAscii), status === 204 ? -1 : length, bodyless, endingOf(x));
  }

  onChunk(chunk: Buffer): void {
    if (this.#ended) return;
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    this.#x.answerBytes += chunk.length;
    if (!this.#x.stream.write(chunk) && !this.#ended) {
      this.#answerPaused = true;
      this.#transportCall?.pause();
    }
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave();
    const x = this.#x;
    x.stream.end(endingOf(x));
    finish(x);
  }

  onFailure(failure: TransportFailure): void {
    if (this.#ended) return;
    this.#sending = false;
    this.#transportCall = undefined;
    const x = this.#x;
    const target = this.#target;
    if (target !== undefined && failure === 'reset' && !x.headSent && !this.#retried && this.#isRepeatable()) {
      // A kept connection may be closed by the upstream at the very moment it is used again; where repeating is safe, a
      // fresh one gets the request once more.
      this.#retried = true;
      this.#leave();
      return this.#try(target);
    }
    this.#observe(outcomeOfFailure(failure), x.plane.clock.nowUs());
    if (x.headSent) {
      this.#ended = true;
      this.#leave();
      x.call = undefined;
      return cut(x);
    }
    this.#refuse(errorOf(failure));
  }

  /** No try is under way, and none will be. */
  #refuse(error: Verdict): void {
    this.#ended = true;
    this.#leave();
    this.#x.call = undefined;
    refuse(this.#x, error);
  }

  onBodyWanted(): void {
    const x = this.#x;
    if (this.#ended || !x.bodyPaused || x.bodyEnded) return;
    x.bodyPaused = false;
    x.stream.resumeBody();
  }

  /** gateway: from the request's head to its being sent upstream; upstream: from there to the answer's head. */
  #timing(): string {
    const { startUs, sentUs, answerUs } = this.#x;
    const gatewayMs = (sentUs - startUs) / 1_000;
    const upstreamMs = (answerUs - sentUs) / 1_000;
    return `gateway;dur=${gatewayMs.toFixed(3)}, upstream;dur=${upstreamMs.toFixed(3)}`;
  }

  #isRepeatable(): boolean {
    return this.#x.bodyLength === 0 && IDEMPOTENT.has(this.#x.method);
  }

  #arm(ms: number): void {
    const { deadlines } = this.#x.plane;
    deadlines.arm(this.#x, Math.max(0, Math.min(ms, this.#totalDueMs - deadlines.nowMs)));
  }
}

/** The answer to a request whose upstream gave none. */
export function errorOf(failure: TransportFailure): number {
  switch (failure) {
    case 'unreachable':
      return errors.UPSTREAM_UNREACHABLE.id;
    case 'connect-timeout':
      return errors.UPSTREAM_TIMEOUT.id;
    case 'busy':
      return errors.UPSTREAM_BUSY.id;
    case 'reset':
    case 'invalid':
      return errors.BAD_GATEWAY.id;
    default:
      return assertNever(failure);
  }
}

/** The path as the upstream gets it, without its target's own. @hot */
export function upstreamPath(x: Exchange): string {
  const { stripSegments } = (x.route as NonNullable<typeof x.route>).plan;
  return stripSegments === 0 ? x.path : withoutSegments(x.path, stripSegments);
}

/** Not by length: a segment of the request may be spelled otherwise than the route's. */
function withoutSegments(path: string, count: number): string {
  let at = 0;
  for (let segment = 0; segment < count && at >= 0; segment++) at = path.indexOf('/', at + 1);
  return at < 0 ? '/' : path.slice(at);
}
