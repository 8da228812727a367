// One question to an authoriser, from its wait for a place to its answer. Asking twice does no harm: on a kept connection that turns
// out to be dead it is asked once more, on another.

import type { DataPlane } from '../../../data-plane.ts';
import type { Exchange, HeaderList } from '../../../pipeline/exchange.ts';
import { REFUSED } from '../../../upstream/circuit-breaker.ts';
import type { LiveTarget, LiveUpstream } from '../../../upstream/live-upstream.ts';
import { Outcome, outcomeOfFailure, outcomeOfStatus } from '../../../upstream/outcome.ts';
import type { AnswerHead } from '../../../upstream/transports/answer-head.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  TransportFailure,
} from '../../../upstream/transports/transport.ts';
import type { AskRequest } from './ask-request.ts';
import { failed, type Judgement } from './judgement.ts';
import type { ForwardAnswer } from './read-answer.ts';

/** Of an answer's body; a longer one is a failure. */
export const ANSWER_BYTES_MAX = 64 * 1024;
const NO_TICKET = -2;
const DETAIL = 'the authoriser does not answer';

/** Where a question goes that names no upstream. */
export interface FixedTarget {
  readonly transport: Transport;
  readonly authority: string;
}

export interface CallOptions {
  readonly plane: DataPlane;
  readonly request: AskRequest;
  /** Who asks first; balancing may go by what it is. */
  readonly x: Exchange;
  readonly upstream: LiveUpstream | undefined;
  readonly dueMs: number;
  /** Told once. */
  readonly onDone: (call: AuthoriserCall, said: ForwardAnswer | Judgement) => void;
}

export class AuthoriserCall implements AnswerHandler {
  readonly parkKey: string;
  /** Of those who ask the same; parkKey where there are none. */
  readonly key: string;
  readonly #options: CallOptions;
  readonly #askedUs: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #headers: HeaderList = [];
  #target: LiveTarget | undefined;
  #fixed: FixedTarget | undefined;
  #sentUs = 0;
  #ticket = NO_TICKET;
  #call: TransportCall | undefined;
  #body: Buffer | undefined;
  #isSending = false;
  #isRetry = false;
  #isObserved = false;
  #hasEnded = false;

  constructor(parkKey: string, key: string, options: CallOptions) {
    this.parkKey = parkKey;
    this.key = key;
    this.#options = options;
    this.#askedUs = options.plane.clock.nowUs();
  }

  get dueMs(): number {
    return this.#options.dueMs;
  }

  /** What it holds of a body. */
  get bodyBytes(): number {
    return this.#options.request.body.length;
  }

  /** Since it was asked. */
  get us(): number {
    return this.#options.plane.clock.nowUs() - this.#askedUs;
  }

  /** It has its place. @param fixed  where it goes that names no upstream */
  start(fixed: FixedTarget | undefined): void {
    const { upstream, plane } = this.#options;
    this.#fixed = fixed;
    const { nowMs } = plane.deadlines;
    if (upstream?.circuit !== undefined) this.#ticket = upstream.circuit.admit(nowMs);
    if (this.#ticket === REFUSED || (upstream !== undefined && upstream.admit() !== 0))
      return this.#end(failed(DETAIL));
    this.#send();
  }

  /** Its time is over, wherever it is. */
  expire(): void {
    this.#call?.cancel();
    this.#observe(Outcome.TIMEOUT);
    this.#end(failed('the authoriser does not answer in time'));
  }

  // AnswerHandler: from the authoriser.

  onHead(head: AnswerHead): void {
    this.#observe(outcomeOfStatus(head.status));
    this.#status = head.status;
    this.#headers = head.toList();
    if (head.length > ANSWER_BYTES_MAX) this.#refuseLength();
  }

  onChunk(chunk: Buffer): void {
    if (this.#hasEnded) return;
    this.#bytes += chunk.length;
    if (this.#bytes > ANSWER_BYTES_MAX) this.#refuseLength();
    else this.#chunks.push(Buffer.from(chunk));
  }

  onEnd(): void {
    this.#end({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onFailure(failure: TransportFailure): void {
    if (failure === 'reset' && this.#status === 0 && !this.#isRetry && !this.#hasEnded) {
      this.#isRetry = true;
      this.#leave();
      // A transport may fail at once: never from within its own call.
      setImmediate(() => this.#send());
      return;
    }
    this.#observe(outcomeOfFailure(failure));
    this.#end(failed(DETAIL));
  }

  onBodyWanted(): void {
    this.#sendBody();
  }

  #send(): void {
    if (this.#hasEnded) return;
    const { request, plane } = this.#options;
    const { transport, authority, basePath } = this.#place();
    this.#sentUs = plane.clock.nowUs();
    this.#body = request.body.length === 0 ? undefined : request.body;
    this.#isSending = true;
    const call = transport.send(
      {
        method: request.method,
        path: basePath + request.path,
        headerLines: `host: ${authority}\r\n${request.lines}`,
        bodyLength: request.body.length,
        isRepeatable: request.method === 'GET',
        isRetry: this.#isRetry,
      },
      this,
    );
    this.#isSending = false;
    if (this.#hasEnded) return;
    this.#call = call;
    this.#sendBody();
  }

  #place(): { readonly transport: Transport; readonly authority: string; readonly basePath: string } {
    const { upstream, x, plane } = this.#options;
    if (upstream === undefined) return { ...(this.#fixed as FixedTarget), basePath: '' };
    const { affinityLine } = x;
    const target = upstream.pick(x, plane.deadlines.nowMs, undefined);
    // Where the question goes is no business of the client's.
    x.affinityLine = affinityLine;
    upstream.enter(target);
    this.#target = target;
    const { plan, transport } = target;
    return { transport, authority: plan.authority, basePath: plan.basePath };
  }

  #sendBody(): void {
    const body = this.#body;
    if (body === undefined || this.#call === undefined) return;
    this.#body = undefined;
    this.#call.sendBody(body, true);
  }

  #refuseLength(): void {
    this.#call?.cancel();
    this.#end(failed('what the authoriser answers is too long'));
  }

  /** A question says as much of a target as any request, once. */
  #observe(outcome: Outcome): void {
    const { upstream, plane } = this.#options;
    if (upstream === undefined || this.#isObserved) return;
    this.#isObserved = true;
    const nowUs = plane.clock.nowUs();
    const latencyUs = nowUs - this.#sentUs;
    if (this.#target !== undefined) upstream.observe(this.#target, outcome, latencyUs, plane.deadlines.nowMs);
    if (this.#ticket >= 0) upstream.circuit?.record(this.#ticket, outcome, latencyUs, nowUs / 1_000);
    this.#ticket = NO_TICKET;
  }

  #leave(): void {
    if (this.#target !== undefined) this.#options.upstream?.leave(this.#target);
    this.#target = undefined;
    this.#call = undefined;
  }

  #end(said: ForwardAnswer | Judgement): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#ticket >= 0) this.#observe(Outcome.ABANDONED);
    this.#leave();
    // Whoever asks may be about to wait: it is told once it does.
    if (this.#isSending) setImmediate(() => this.#options.onDone(this, said));
    else this.#options.onDone(this, said);
  }
}
