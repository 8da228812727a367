// What a transport told of one request, for the contract suite: it holds the order of the calls to the contract.

import type { HeaderList } from '../../../src/gateway/pipeline/exchange.ts';
import type { AnswerHead } from '../../../src/gateway/upstream/transports/answer-head.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  TransportFailure,
  UpstreamRequest,
} from '../../../src/gateway/upstream/transports/transport.ts';
import { linesOf } from '../../support/header-lines.ts';

export class ToldAnswer implements AnswerHandler {
  status = 0;
  headers: HeaderList = [];
  chunks: Buffer[] = [];
  /** '' while it goes on, 'end', or why it failed. */
  outcome: '' | 'end' | TransportFailure = '';
  /** Breaks of the contract. */
  readonly faults: string[] = [];
  wantedCount = 0;
  /** No word may come any more. */
  isCancelled = false;
  call: TransportCall | undefined;
  readonly settled: Promise<void>;
  onHeadTold: () => void = () => {};
  onChunkTold: () => void = () => {};
  onWanted: () => void = () => {};
  #resolve: () => void = () => {};

  constructor() {
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  get byteCount(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  onHead(head: AnswerHead): void {
    const { status } = head;
    this.#expectOpen('onHead');
    if (this.status !== 0) this.faults.push('two heads');
    if (status < 200) this.faults.push(`status ${status}`);
    this.status = status;
    this.headers = head.toList();
    this.onHeadTold();
  }

  onChunk(chunk: Buffer): void {
    this.#expectOpen('onChunk');
    if (this.status === 0) this.faults.push('a chunk before the head');
    this.chunks.push(Buffer.from(chunk));
    this.onChunkTold();
  }

  onEnd(): void {
    this.#expectOpen('onEnd');
    if (this.status === 0) this.faults.push('an end before the head');
    this.outcome = 'end';
    this.#resolve();
  }

  onFailure(failure: TransportFailure): void {
    this.#expectOpen('onFailure');
    this.outcome = failure;
    this.#resolve();
  }

  onBodyWanted(): void {
    this.#expectOpen('onBodyWanted');
    this.wantedCount++;
    this.onWanted();
  }

  cancel(): void {
    this.isCancelled = true;
    this.call?.cancel();
  }

  #expectOpen(what: string): void {
    if (this.outcome !== '') this.faults.push(`${what} after ${this.outcome}`);
    if (this.isCancelled) this.faults.push(`${what} after cancel`);
  }
}

/** A request in the words of the contract suite, whatever a transport wants it written as. */
export interface AskedRequest {
  readonly method: string;
  readonly path: string;
  /** Flat; values in latin1. */
  readonly headers: readonly string[];
  /** Bytes; 0: no body; -1: unknown. */
  readonly bodyLength: number;
  readonly isRepeatable: boolean;
  readonly isRetry: boolean;
}

/** GET /path?query for the header `host`, unless said otherwise. */
export function ask(transport: Transport, asked: Partial<AskedRequest> = {}): ToldAnswer {
  const { headers = ['host', 'upstream.example'], ...parts } = asked;
  const request: UpstreamRequest = {
    method: 'GET',
    path: '/path?query',
    headerLines: linesOf([...headers]),
    bodyLength: 0,
    isRepeatable: false,
    isRetry: false,
    ...parts,
  };
  const told = new ToldAnswer();
  told.call = transport.send(request, told);
  return told;
}

/** Ask, and wait for the end or the failure. */
export async function askAndWait(transport: Transport, asked: Partial<AskedRequest> = {}): Promise<ToldAnswer> {
  const told = ask(transport, asked);
  await told.settled;
  return told;
}

/** Resolves when the head was told, or there will be none. */
export function headOf(told: ToldAnswer): Promise<void> {
  if (told.status !== 0) return Promise.resolve();
  return Promise.race([
    told.settled,
    new Promise<void>((resolve) => {
      told.onHeadTold = resolve;
    }),
  ]);
}
