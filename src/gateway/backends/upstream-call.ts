// One exchange at one upstream: streams the request to a target and the answer back, with backpressure both ways.
//
//   circuit ─▶ admission ─▶ try ─┬▶ answer's head ─▶ answer: passed on
//      ▲                         └▶ failure, or an answer like one ─▶ another try (after a wait) · the fallback · a problem
//      └──────────────────────────────────────────────────────────────────────┘
//
// After an answer's head nothing is tried again: what fails then cuts the client's connection.

import { explainTry } from '../explain/explain-try.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../pipeline/errors.ts';
import type { BackendCall, Exchange } from '../pipeline/exchange.ts';
import { dropBody, keepBody, releaseBody, rememberBody } from '../pipeline/kept-body.ts';
import { answerWith, cut, endingOf, finish, refuse } from '../pipeline/respond.ts';
import type { LoadPlan } from '../snapshot.ts';
import { REFUSED } from '../upstream/circuit-breaker.ts';
import { errorOfFailure } from '../upstream/error-of-failure.ts';
import { isIdempotent } from '../upstream/failures.ts';
import type { Fallback } from '../upstream/fallback.ts';
import type { LiveTarget, LiveUpstream } from '../upstream/live-upstream.ts';
import { Outcome, outcomeOfFailure, outcomeOfStatus } from '../upstream/outcome.ts';
import { DROPPED_MS_MAX, FALL_BACK, NOTHING, Recovery } from '../upstream/recovery.ts';
import { mockLines, relayAnswerHead } from '../upstream/relay-answer-head.ts';
import { relayRequestLines } from '../upstream/relay-headers.ts';
import type { AnswerHead } from '../upstream/transports/answer-head.ts';
import type { AnswerHandler, TransportCall, TransportFailure } from '../upstream/transports/transport.ts';
import { upstreamPath } from '../upstream/upstream-path.ts';
import { CallStage } from './call-stage.ts';

// Answers below it are never taken back.
const FIRST_FAILED_STATUS = 400;

const NO_TICKET = REFUSED;

export class UpstreamCall implements BackendCall, AnswerHandler {
  readonly #x: Exchange;
  readonly #upstream: LiveUpstream;
  /** It stands in for another upstream: what it fails with is the answer. */
  readonly #isFallback: boolean;
  readonly #totalDueMs: number;
  #stage: CallStage = CallStage.TRYING;
  /** Of the try under way. */
  #target: LiveTarget | undefined;
  #tryUs = 0;
  #observed = false;
  #ticket = NO_TICKET;
  #transportCall: TransportCall | undefined;
  #sending = false;
  #retried = false;
  #answerPaused = false;
  #ended = false;
  /** What came of the body is remembered. */
  #keepsBody: boolean;
  /** Since the first try failed. */
  #recovery: Recovery | undefined;

  constructor(x: Exchange, upstream: LiveUpstream, isFallback: boolean) {
    this.#x = x;
    this.#upstream = upstream;
    this.#isFallback = isFallback;
    this.#keepsBody = upstream.retries !== undefined || upstream.fallback !== undefined;
    const nowMs = x.plane.deadlines.nowMs;
    this.#totalDueMs =
      upstream.plan.totalTimeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + upstream.plan.totalTimeoutMs;
  }

  /** Where places at the upstream are limited, it begins when it has one. */
  start(): void {
    const { load, plan } = this.#upstream;
    if (load === undefined) return this.begin();
    const verdict = load.admit(this.#x, plan.concurrency as LoadPlan, this);
    if (verdict === ADMIT) this.begin();
    else if (verdict !== WAIT) this.#refuse(verdict);
  }

  begin(): void {
    const x = this.#x;
    const upstream = this.#upstream;
    x.call = this;
    const verdict = this.#passCircuit() ? upstream.admit() : errors.CIRCUIT_OPEN.id;
    if (verdict !== ADMIT) return this.#refuseUnsent(verdict);
    upstream.retries?.budget.deposit();
    this.#tryAt(upstream.pick(x, x.plane.deadlines.nowMs, undefined));
  }

  /** @hot an upstream without a circuit: one branch */
  #passCircuit(): boolean {
    const { circuit } = this.#upstream;
    if (circuit === undefined) return true;
    this.#ticket = circuit.admit(this.#x.plane.deadlines.nowMs);
    return this.#ticket !== REFUSED;
  }

  #tryAt(target: LiveTarget): void {
    const x = this.#x;
    const held = x.bodyChunks;
    x.tries++;
    this.#retried = false;
    this.#try(target);
    // A try that fails at once may have been followed by another, or by the fallback, which has sent the body already.
    if (x.call === this && this.#stage === CallStage.TRYING && x.bodyChunks === held) releaseBody(x);
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
    if (x.explanation !== undefined) explainTry(x, this.#upstream, target);
    this.#arm(x.bodyEnded ? this.#answerMs() : this.#upstream.plan.responseTimeoutMs);
    const call = transport.send(
      {
        method: x.method,
        path: plan.basePath + upstreamPath(x),
        headerLines: relayRequestLines(x, plan.authority),
        bodyLength: x.bodyLength,
        isRepeatable: this.#isRepeatable(),
        isRetry: this.#retried,
      },
      this,
    );
    // One that has failed at once may have been followed by another, which is under way.
    if (this.#sending && this.#transportCall === undefined) this.#transportCall = call;
  }

  /** How long the answer's head may take once the whole request is on its way: less, where another try may follow. @hot */
  #answerMs(): number {
    const { plan, retries } = this.#upstream;
    if (retries === undefined || !this.#hasWholeBody() || !isIdempotent(this.#x.method)) return plan.responseTimeoutMs;
    return Math.min(plan.responseTimeoutMs, retries.plan.perTryMs);
  }

  /** What the try came to, once: a failure after an answer's head has no say any more. The circuit's ticket goes back. @hot */
  #observe(outcome: Outcome, nowUs: number): void {
    const latencyUs = nowUs - this.#tryUs;
    if (this.#ticket !== NO_TICKET) {
      this.#upstream.circuit?.record(this.#ticket, outcome, latencyUs, nowUs / 1_000);
      this.#ticket = NO_TICKET;
    }
    if (this.#observed || this.#target === undefined) return;
    this.#observed = true;
    this.#upstream.observe(this.#target, outcome, latencyUs, this.#x.plane.deadlines.nowMs);
    this.#upstream.load?.observe(outcome, latencyUs);
    if (this.#recovery !== undefined && this.#recovery.tried.length > 0) this.#upstream.retries?.count(outcome);
  }

  /** @hot */
  #leave(): void {
    if (this.#target === undefined) return;
    this.#upstream.leave(this.#target);
    this.#target = undefined;
  }

  // BackendCall: from the client.

  sendBody(chunk: Buffer, last: boolean): void {
    const x = this.#x;
    if (this.#stage !== CallStage.TRYING) {
      if (!keepBody(x, chunk)) refuse(x, errors.PARKING_FULL.id);
      return;
    }
    if (this.#keepsBody && !rememberBody(x, chunk)) this.#forgetBody();
    const { responseTimeoutMs, idleTimeoutMs } = this.#upstream.plan;
    this.#arm(last ? this.#answerMs() : Math.max(idleTimeoutMs, responseTimeoutMs));
    const more = this.#transportCall?.sendBody(chunk, last) ?? true;
    if (!more && !last && !x.bodyPaused) {
      x.bodyPaused = true;
      x.stream.pauseBody();
    }
  }

  resumeAnswer(): void {
    if (!this.#answerPaused) return;
    this.#answerPaused = false;
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    this.#transportCall?.resume();
  }

  expire(): void {
    if (this.#stage === CallStage.WAITING) return this.#tryAgain();
    if (this.#stage === CallStage.DROPPING) return this.#afterDropped();
    const x = this.#x;
    const isUpstreamLate = x.bodyEnded || x.bodyPaused;
    this.#observe(isUpstreamLate ? Outcome.TIMEOUT : Outcome.ABANDONED, x.plane.clock.nowUs());
    if (x.headSent) return cut(x);
    if (!isUpstreamLate) {
      x.closeAfter = true;
      return refuse(x, errors.REQUEST_TIMEOUT.id);
    }
    this.#dropTransportCall();
    this.#fail(Outcome.TIMEOUT, errors.UPSTREAM_TIMEOUT.id);
  }

  cancel(): void {
    this.#ended = true;
    this.#endWait();
    this.#dropTransportCall();
    this.#observe(Outcome.ABANDONED, this.#x.plane.clock.nowUs());
    this.#leave();
  }

  // AnswerHandler: from the upstream.

  onHead(head: AnswerHead): void {
    if (this.#ended) return;
    const x = this.#x;
    const nowUs = x.plane.clock.nowUs();
    this.#observe(outcomeOfStatus(head.status), nowUs);
    if (head.status >= FIRST_FAILED_STATUS && this.#isReplaced(head)) return this.#dropAnswer(head.length);
    x.answerUs = nowUs;
    if (this.#keepsBody) this.#forgetBody();
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    relayAnswerHead(x, head);
  }

  onChunk(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#stage !== CallStage.TRYING) {
      if (this.#recovery?.mayDrop(chunk.length) !== true) this.#afterDropped();
      return;
    }
    this.#arm(this.#upstream.plan.idleTimeoutMs);
    this.#x.answerBytes += chunk.length;
    if (!this.#x.stream.write(chunk) && !this.#ended) {
      this.#answerPaused = true;
      this.#transportCall?.pause();
    }
  }

  onEnd(): void {
    if (this.#ended) return;
    if (this.#stage !== CallStage.TRYING) return this.#afterDropped();
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
    if (this.#stage !== CallStage.TRYING) return this.#afterDropped();
    const x = this.#x;
    const target = this.#target;
    if (target !== undefined && failure === 'reset' && !x.headSent && !this.#retried && this.#isRepeatable()) {
      // A kept connection may be closed by the upstream at the very moment it is used again; where repeating is safe, a
      // fresh one gets the request once more.
      this.#retried = true;
      this.#leave();
      return this.#try(target);
    }
    const outcome = outcomeOfFailure(failure);
    this.#observe(outcome, x.plane.clock.nowUs());
    if (x.headSent) {
      this.#ended = true;
      this.#leave();
      x.call = undefined;
      return cut(x);
    }
    this.#fail(outcome, errorOfFailure(failure));
  }

  onBodyWanted(): void {
    const x = this.#x;
    if (this.#ended || this.#stage !== CallStage.TRYING || !x.bodyPaused || x.bodyEnded) return;
    x.bodyPaused = false;
    x.stream.resumeBody();
  }

  // What follows a try that failed.

  /** There is no answer, and the try is over. */
  #fail(outcome: Outcome, error: Verdict): void {
    const next = this.#recover()?.afterFailure(outcome, this.#hasWholeBody(), this.#leftMs()) ?? NOTHING;
    if (next === NOTHING) this.#refuse(error);
    else this.#goOn(next);
  }

  /** Whether another try, or the fallback, answers instead. */
  #isReplaced(head: AnswerHead): boolean {
    return (this.#recover()?.afterAnswer(head, this.#hasWholeBody(), this.#leftMs()) ?? NOTHING) !== NOTHING;
  }

  #recover(): Recovery | undefined {
    const { retries, fallback } = this.#upstream;
    if (retries !== undefined || fallback !== undefined) {
      this.#recovery ??= new Recovery(this.#x, this.#upstream, this.#isFallback);
    }
    return this.#recovery;
  }

  #dropAnswer(length: number): void {
    this.#stage = CallStage.DROPPING;
    if (this.#x.method !== 'HEAD' && this.#recovery?.mayDrop(Math.max(0, length)) !== true) this.#afterDropped();
    else this.#arm(DROPPED_MS_MAX);
  }

  /** The answer is read, or is not worth it any more. */
  #afterDropped(): void {
    this.#stage = CallStage.TRYING;
    this.#dropTransportCall();
    this.#goOn(this.#recovery?.next ?? FALL_BACK);
  }

  #goOn(next: number): void {
    if (next !== FALL_BACK) return this.#retryIn(next);
    this.#leave();
    this.#fallBack();
  }

  #retryIn(delayMs: number): void {
    const { plane } = this.#x;
    if (this.#target !== undefined) this.#recovery?.tried.push(this.#target);
    this.#leave();
    this.#stage = CallStage.WAITING;
    plane.retriesWaiting++;
    if (delayMs === 0) this.#tryAgain();
    else plane.deadlines.arm(this.#x, delayMs);
  }

  #tryAgain(): void {
    this.#endWait();
    if (!this.#passCircuit()) return this.#refuseUnsent(errors.CIRCUIT_OPEN.id);
    this.#tryAt(this.#upstream.pick(this.#x, this.#x.plane.deadlines.nowMs, this.#recovery?.tried));
  }

  #endWait(): void {
    if (this.#stage === CallStage.WAITING) this.#x.plane.retriesWaiting--;
    this.#stage = CallStage.TRYING;
  }

  /** Nothing is sent: the circuit is open, or no target is known. */
  #refuseUnsent(error: Verdict): void {
    const x = this.#x;
    const { circuit, fallback } = this.#upstream;
    const isOpen = error === errors.CIRCUIT_OPEN.id;
    const isWhole = this.#hasWholeBody();
    const falls = isOpen ? fallback?.takesOpen(isWhole) : fallback?.takes(x, Outcome.UNREACHABLE, 0, isWhole);
    if (falls === true && !this.#isFallback) return this.#fallBack();
    if (isOpen) x.retryAfterSeconds = circuit?.retryAfterSeconds(x.plane.deadlines.nowMs) ?? 0;
    else x.detail = 'no target of the upstream is known';
    this.#refuse(error);
  }

  #fallBack(): void {
    const x = this.#x;
    const fallback = this.#upstream.fallback as Fallback;
    this.#ended = true;
    x.call = undefined;
    fallback.use(x);
    const { plan } = fallback;
    if (plan.kind === 'mock') return answerWith(x, plan.status, mockLines(x, plan.lines), plan.body);
    x.load?.leave(x);
    x.affinityLine = '';
    new UpstreamCall(x, fallback.upstream as LiveUpstream, true).start();
  }

  /** No try is under way, and none will be. */
  #refuse(error: Verdict): void {
    this.#ended = true;
    this.#observe(Outcome.ABANDONED, this.#x.plane.clock.nowUs());
    this.#leave();
    this.#x.call = undefined;
    refuse(this.#x, error);
  }

  #dropTransportCall(): void {
    this.#sending = false;
    this.#transportCall?.cancel();
    this.#transportCall = undefined;
  }

  #forgetBody(): void {
    this.#keepsBody = false;
    dropBody(this.#x);
  }

  #leftMs(): number {
    return this.#totalDueMs - this.#x.plane.deadlines.nowMs;
  }

  #hasWholeBody(): boolean {
    return this.#x.bodyLength === 0 || this.#keepsBody;
  }

  #isRepeatable(): boolean {
    return this.#x.bodyLength === 0 && isIdempotent(this.#x.method);
  }

  #arm(ms: number): void {
    const { deadlines } = this.#x.plane;
    deadlines.arm(this.#x, Math.max(0, Math.min(ms, this.#totalDueMs - deadlines.nowMs)));
  }
}
