// A data plane on real shared memory, with a clock that the test moves, a transport that does what the test says, and a
// client that remembers what it was told.

import type { WorkerIndex } from '../../src/base/ids.ts';
import type { Config } from '../../src/control/config/config.ts';
import { arenaBytes } from '../../src/control/releases/arenas.ts';
import { type CompiledSnapshot, compileSnapshot } from '../../src/control/releases/compile-snapshot.ts';
import { DataPlane, type DataPlaneOptions } from '../../src/gateway/data-plane.ts';
import { ADMIT } from '../../src/gateway/pipeline/errors.ts';
import { type ClientStream, Ending, type Exchange, type HeaderList } from '../../src/gateway/pipeline/exchange.ts';
import { handle } from '../../src/gateway/pipeline/handle.ts';
import { type HeaderLines, listOfLines } from '../../src/gateway/pipeline/header-lines.ts';
import type { PolicyRun } from '../../src/gateway/policies/policy-run.ts';
import { policyRuns } from '../../src/gateway/policies/run-registry.ts';
import { methodIndex } from '../../src/gateway/router/methods.ts';
import type { LogIo } from '../../src/gateway/telemetry/log-io.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  TransportOptions,
  UpstreamRequest,
} from '../../src/gateway/upstream/transports/transport.ts';
import type { LeaseQuestion, NonceQuestion } from '../../src/gateway/worker-messages.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';
import { VirtualClock } from '../gateway/limiter/window.ts';
import { headOf } from './header-lines.ts';
import { sealKey } from './seal-key.ts';

const RESPONDED = {
  [Ending.KEEP]: 'respond',
  [Ending.LINGER]: 'respond linger',
  [Ending.CLOSE]: 'respond close',
} as const;

/** What the client was told, one word and its value each. */
export class ToldClient implements ClientStream {
  readonly told: string[] = [];
  status = 0;
  headers: HeaderList = [];
  body = '';
  /** What write() says. */
  takes = true;

  respond(status: number, lines: HeaderLines, body: string, _bodyless: boolean, ending: Ending): void {
    this.told.push(RESPONDED[ending]);
    Object.assign(this, { status, headers: listOfLines(lines), body });
  }

  writeHead(status: number, lines: HeaderLines): void {
    this.told.push('head');
    Object.assign(this, { status, headers: listOfLines(lines) });
  }

  write(chunk: Uint8Array): boolean {
    this.body += Buffer.from(chunk).toString('latin1');
    return this.takes;
  }

  end(): void {
    this.told.push('end');
  }

  abort(): void {
    this.told.push('abort');
  }

  pauseBody(): void {
    this.told.push('pause');
  }

  resumeBody(): void {
    this.told.push('resume');
  }
}

/** One request that a transport was given. */
export interface SentRequest {
  readonly origin: string;
  readonly request: UpstreamRequest;
  readonly handler: AnswerHandler;
  cancelled: boolean;
  body: string;
}

export class ToldTransport implements Transport {
  readonly options: TransportOptions;
  readonly sent: SentRequest[];
  closed = false;
  destroyed = false;

  constructor(options: TransportOptions, sent: SentRequest[] = []) {
    this.options = options;
    this.sent = sent;
  }

  send(request: UpstreamRequest, handler: AnswerHandler): TransportCall {
    const sent: SentRequest = { origin: this.options.origin, request, handler, cancelled: false, body: '' };
    this.sent.push(sent);
    return {
      sendBody(chunk) {
        sent.body += chunk.toString('latin1');
        return true;
      },
      pause() {},
      resume() {},
      cancel() {
        sent.cancelled = true;
      },
    };
  }

  close(): void {
    this.closed = true;
  }

  destroy(): Promise<void> {
    this.destroyed = true;
    return Promise.resolve();
  }
}

/** @returns the snapshot, or throws with the first problem */
export function compile(config: Config, epoch: number): CompiledSnapshot {
  const compiled = compileSnapshot(config, epoch, (bytes) => new SharedArrayBuffer(arenaBytes(bytes)), sealKey);
  if (!compiled.ok) throw new Error(compiled.error[0]?.message);
  return compiled.value;
}

export class TestPlane {
  readonly shm: SharedMemory;
  readonly clock = new VirtualClock();
  readonly plane: DataPlane;
  /** Every request that went upstream, in order. */
  readonly sent: SentRequest[] = [];
  readonly transports: ToldTransport[] = [];
  /** Milliseconds since 1970; a test may put another one in its place. */
  wallMs: () => number = Date.now;
  /** What requests asked that found nothing in their share of a limit over instances. */
  readonly leaseQuestions: LeaseQuestion[] = [];
  /** What requests asked about nonces. */
  readonly nonceQuestions: NonceQuestion[] = [];

  constructor(
    policies: readonly PolicyRun[] = [],
    shm = SharedMemory.create(2, 1, 2),
    worker = 0,
    logIo?: LogIo,
    more: Partial<DataPlaneOptions> = {},
  ) {
    this.shm = shm;
    this.plane = new DataPlane({
      shm,
      worker: worker as WorkerIndex,
      clock: this.clock,
      sealKey,
      wallMs: () => this.wallMs(),
      policies: [...policyRuns, ...policies],
      onLeaseQuestion: (question) => this.leaseQuestions.push(question),
      onNonceQuestion: (question) => this.nonceQuestions.push(question),
      ...(logIo !== undefined && { logIo }),
      createTransport: (options) => {
        const transport = new ToldTransport(options, this.sent);
        this.transports.push(transport);
        return transport;
      },
      ...more,
    });
  }

  /** Attach a snapshot. Without `limits` it has none. */
  attach(config: Config, epoch: number, arena = epoch): void {
    this.plane.attach(arena, compile(config, epoch).arena.buffer);
  }

  /** Attach and raise. */
  publish(config: Config, epoch: number, arena = epoch): void {
    this.attach(config, epoch, arena);
    this.shm.control.raiseEpoch(epoch);
  }

  /** A request's head arrives. @param fields  of the exchange */
  request(line: string, fields: Partial<Exchange> = {}): { readonly x: Exchange; readonly client: ToldClient } {
    const [method = '', target = ''] = line.split(' ');
    const client = new ToldClient();
    const x = this.plane.open(client);
    const query = target.indexOf('?');
    Object.assign(x, {
      method,
      methodIndex: methodIndex(method),
      rawPath: query < 0 ? target : target.slice(0, query),
      query: query < 0 ? '' : target.slice(query),
      authority: 'shop.example',
      host: 'shop.example',
      peerAddress: '192.0.2.1',
      bodyEnded: (fields.bodyLength ?? 0) === 0,
      ...fields,
    });
    handle(x, ADMIT);
    return { x, client };
  }

  /** Let time pass in ticks. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.us += 10_000;
      this.plane.tick();
    }
  }
}

/** The upstream answers 200 with a body. */
export function answer(sent: SentRequest | undefined, body = 'fine'): void {
  if (sent === undefined) throw new Error('nothing was sent');
  sent.handler.onHead(headOf(200, ['content-length', String(body.length)]));
  sent.handler.onChunk(Buffer.from(body));
  sent.handler.onEnd();
}
