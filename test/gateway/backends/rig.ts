// A data plane in front of upstreams that fail as the test says.

import type { UpstreamIndex } from '../../../src/base/ids.ts';
import type {
  CircuitConfig,
  FailureConfig,
  RetryConfig,
  ServiceConfig,
  UpstreamConfig,
} from '../../../src/control/config/config.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { receiveBody } from '../../../src/gateway/pipeline/receive-body.ts';
import type { TransportFailure } from '../../../src/gateway/upstream/transports/transport.ts';
import { RetryRefusal } from '../../../src/shm/upstream-table.ts';
import { buildConfig, buildRoute, buildService, buildUpstream } from '../../support/build-config.ts';
import { headOf } from '../../support/header-lines.ts';
import { compile, type SentRequest, TestPlane, type ToldClient } from '../../support/plane.ts';

export const EVERYTHING: FailureConfig = {
  connect: true,
  reset: true,
  timeout: true,
  open: true,
  statuses: [502, 503, 504],
};

export const RETRIES: RetryConfig = {
  attempts: 2,
  budgetShare: 1,
  minPerSecond: 100,
  burst: 100,
  perTryMs: 0,
  on: EVERYTHING,
  backoffMs: 25,
  backoffMsMax: 250,
};

export const CIRCUIT: CircuitConfig = {
  errors: 0.5,
  callsMin: 4,
  withinMs: 10_000,
  openMs: 5_000,
  trials: 1,
};

/** Longer than any backoff of RETRIES. */
export const BACKOFF_MS = 300;

type Target = `${string}:${number}`;

export function upstream(name: string, parts: Partial<UpstreamConfig> = {}, ...targets: Target[]): UpstreamConfig {
  return { ...buildUpstream(name, ...(targets.length === 0 ? (['a:1', 'b:1'] as const) : targets)), ...parts };
}

export class Rig {
  readonly test = new TestPlane();
  #epoch = 0;

  /** @param upstreams  the first one is the service's */
  constructor(upstreams: readonly UpstreamConfig[], service: Partial<ServiceConfig> = {}) {
    this.publish(upstreams, service);
  }

  publish(upstreams: readonly UpstreamConfig[], service: Partial<ServiceConfig> = {}): void {
    const routes = [buildRoute('any', 'ANY /{rest*}')];
    const services = [buildService('shop', { upstream: upstreams[0]?.name ?? '', routes, ...service })];
    const { arena } = compile(buildConfig({ upstreams, services }), ++this.#epoch);
    arena.writeIndexes(
      'upstreamsAt',
      upstreams.map((_, index) => index),
    );
    arena.writeIndexes(
      'targetsAt',
      upstreams.flatMap(({ targets }) => targets).map((_, index) => index),
    );
    this.test.plane.attach(this.#epoch, arena.buffer);
    this.test.shm.control.raiseEpoch(this.#epoch);
  }

  get sent(): readonly SentRequest[] {
    return this.test.sent;
  }

  get last(): SentRequest {
    const last = this.test.sent.at(-1);
    if (last === undefined) throw new Error('nothing was sent');
    return last;
  }

  request(line: string, fields: Partial<Exchange> = {}): { readonly x: Exchange; readonly client: ToldClient } {
    return this.test.request(line, fields);
  }

  fail(failure: TransportFailure): void {
    this.last.handler.onFailure(failure);
  }

  /** A whole answer. */
  answer(status: number, fields: readonly string[] = [], body = 'fine'): void {
    const { handler } = this.last;
    handler.onHead(headOf(status, ['content-length', String(body.length), ...fields]));
    handler.onChunk(Buffer.from(body));
    handler.onEnd();
  }

  body(x: Exchange, text: string, last: boolean): void {
    receiveBody(x, Buffer.from(text), last);
  }

  pass(ms: number): void {
    this.test.pass(ms);
  }

  refusals(): Record<string, number> {
    const { upstreams } = this.test.shm;
    const all = Object.entries(RetryRefusal).map(([cause, id]) => [cause, upstreams.refusals(0 as UpstreamIndex, id)]);
    return Object.fromEntries(all.filter(([, count]) => count !== 0));
  }
}

/** The code of a problem that the client was answered with. */
export function codeOf(client: ToldClient): string {
  return (JSON.parse(client.body) as { code: string }).code;
}
