// A copy of one request on its way to a mirror: it gathers the body as that comes in for the request itself, is sent when the
// body is whole, and reads the answer to its end for nobody. It is sent once, whatever happens.

import type { DataPlane } from '../data-plane.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { LiveTarget, LiveUpstream } from '../upstream/live-upstream.ts';
import { Outcome, outcomeOfFailure, outcomeOfStatus } from '../upstream/outcome.ts';
import { relayRequestLines } from '../upstream/relay-headers.ts';
import type { AnswerHead } from '../upstream/transports/answer-head.ts';
import type { AnswerHandler, TransportCall, TransportFailure } from '../upstream/transports/transport.ts';
import { upstreamPath } from '../upstream/upstream-path.ts';
import type { Mirrors } from './mirrors.ts';

/** Tells a mirror what it is; such a request is not mirrored again. */
export const MIRROR_HEADER = 'x-sluice-mirror';

export type MirrorResult =
  /** The mirror's answer came whole. */
  | 'answered'
  /** It did not, or not in time. */
  | 'failed'
  /** Not sent: the body is larger than what is copied. */
  | 'too-large'
  /** Not sent: the worker has too many under way. */
  | 'no-room'
  /** Not sent: the request ended before its body did. */
  | 'incomplete';

export class MirrorCopy implements AnswerHandler {
  /** When to give it up; what is not sent ends with its exchange. */
  dueMs = Number.POSITIVE_INFINITY;
  /** What its body may come to. */
  readonly bytesMax: number;
  readonly #upstream: LiveUpstream;
  readonly #mirrors: Mirrors;
  readonly #plane: DataPlane;
  /** Where it was sent to, until it has ended. */
  #target: LiveTarget | undefined;
  #sentUs = 0;
  #isObserved = false;
  /** Until it is sent. */
  #x: Exchange | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #totalDueMs = Number.POSITIVE_INFINITY;
  #isReleased = false;
  #call: TransportCall | undefined;
  #ended = false;

  constructor(x: Exchange, upstream: LiveUpstream, mirrors: Mirrors, bytesMax: number) {
    this.#x = x;
    this.#upstream = upstream;
    this.#mirrors = mirrors;
    this.#plane = x.plane;
    this.bytesMax = bytesMax;
  }

  /** Take what has come of the body, and all that will. */
  begin(): void {
    const x = this.#x as Exchange;
    x.copy = this;
    for (const chunk of x.bodyChunks ?? []) this.take(chunk);
  }

  /** @param chunk  belongs to the exchange, and nobody changes it */
  take(chunk: Buffer): void {
    if (this.#x === undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.bytesMax) return this.#end('too-large');
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#sendWhenWhole();
  }

  /** The request itself is under way. */
  release(): void {
    this.#isReleased = true;
    this.#sendWhenWhole();
  }

  /** The exchange has ended. */
  leave(): void {
    const x = this.#x;
    if (x === undefined) return;
    // Of a whole request that has failed at once: its copy goes.
    if (!this.#isReleased && x.bodyEnded) return;
    this.#end('incomplete');
  }

  /** Its time is over. */
  expire(): void {
    this.#call?.cancel();
    this.#observe(Outcome.TIMEOUT);
    this.#end('failed');
  }

  // AnswerHandler: from the mirror.

  onHead(head: AnswerHead): void {
    this.#observe(outcomeOfStatus(head.status));
    // At most one such time from here: an answer without end is not read without end.
    this.dueMs = Math.min(this.dueMs + this.#upstream.plan.idleTimeoutMs, this.#totalDueMs);
  }

  onChunk(): void {}

  onEnd(): void {
    this.#end('answered');
  }

  onFailure(failure: TransportFailure): void {
    this.#observe(outcomeOfFailure(failure));
    this.#end('failed');
  }

  onBodyWanted(): void {
    this.#sendBody();
  }

  #sendWhenWhole(): void {
    const x = this.#x;
    if (x === undefined || !this.#isReleased || !x.bodyEnded) return;
    this.#x = undefined;
    x.copy = undefined;
    this.#send(x);
  }

  #send(x: Exchange): void {
    const { nowMs } = x.plane.deadlines;
    const { responseTimeoutMs, totalTimeoutMs } = this.#upstream.plan;
    if (totalTimeoutMs > 0) this.#totalDueMs = nowMs + totalTimeoutMs;
    this.dueMs = Math.min(nowMs + responseTimeoutMs, this.#totalDueMs);
    const { affinityLine } = x;
    const target = this.#upstream.pick(x, nowMs, undefined);
    // Where the copy goes is no business of the client's.
    x.affinityLine = affinityLine;
    const { plan, transport } = target;
    this.#target = target;
    this.#sentUs = this.#plane.clock.nowUs();
    this.#upstream.enter(target);
    const call = transport.send(
      {
        method: x.method,
        path: plan.basePath + upstreamPath(x),
        headerLines: `${relayRequestLines(x, plan.authority)}${MIRROR_HEADER}: 1\r\n`,
        bodyLength: x.bodyLength,
        isRepeatable: false,
        isRetry: false,
      },
      this,
    );
    // A transport may fail at once.
    if (this.#ended) return;
    this.#call = call;
    // Chunks that turned out to be none have an end all the same.
    if (x.bodyLength !== 0 && this.#chunks.length === 0) this.#chunks.push(Buffer.alloc(0));
    this.#sendBody();
  }

  /** As much as the transport takes now. */
  #sendBody(): void {
    for (let more = true; more && this.#chunks.length > 0; ) {
      const chunk = this.#chunks.shift() as Buffer;
      more = this.#call?.sendBody(chunk, this.#chunks.length === 0) ?? false;
    }
  }

  /** A copy says as much of a target as any request. */
  #observe(outcome: Outcome): void {
    if (this.#target === undefined || this.#isObserved) return;
    this.#isObserved = true;
    const { clock, deadlines } = this.#plane;
    this.#upstream.observe(this.#target, outcome, clock.nowUs() - this.#sentUs, deadlines.nowMs);
  }

  #end(result: MirrorResult): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#target !== undefined) this.#upstream.leave(this.#target);
    if (this.#x !== undefined) this.#x.copy = undefined;
    this.#x = undefined;
    this.#chunks = [];
    this.#call = undefined;
    this.#mirrors.close(this, result);
  }
}
