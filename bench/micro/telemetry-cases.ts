// What is kept of a request: latencies, a line of the access log, spans.

import { monotonicClock } from '../../src/base/clock.ts';
import type { SeriesIndex, WorkerIndex } from '../../src/base/ids.ts';
import { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import type { TracingPlan } from '../../src/gateway/snapshot.ts';
import { AccessLog } from '../../src/gateway/telemetry/access-log.ts';
import type { LogIo } from '../../src/gateway/telemetry/log-io.ts';
import { LogNames } from '../../src/gateway/telemetry/log-names.ts';
import { rejectBelow } from '../../src/gateway/telemetry/sampler.ts';
import { traceOf } from '../../src/gateway/telemetry/trace-context.ts';
import { Tracer } from '../../src/gateway/telemetry/tracer.ts';
import { ControlBlock } from '../../src/shm/control-block.ts';
import { HistogramTable, Span } from '../../src/shm/histogram-table.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';

const WORKER = 0 as WorkerIndex;
// A power of two, so that taking turns costs one AND.
const EXCHANGE_COUNT = 1_024;
const EXCHANGE_TURN_MASK = EXCHANGE_COUNT - 1;
const SENDERS_TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

export function telemetryCases(): readonly MicroCase[] {
  return [
    histogramCase(),
    logCase('access log: a line of some 420 bytes', 1),
    logCase('access log: not sampled', 0),
    traceCase('trace: not sampled', 0, []),
    traceCase('trace: not sampled, by its sender', 0, ['traceparent', SENDERS_TRACE]),
    traceCase('trace: two spans made and packed', 1, []),
  ];
}

function histogramCase(): MicroCase {
  return {
    name: 'histogram record',
    prepare() {
      const table = HistogramTable.create(1);
      const bank = table.bankOf(WORKER, 1 as SeriesIndex);
      let us = 100;
      return () => {
        // Latencies from 100 to 1,123 µs.
        us = 100 + ((us * 7) & EXCHANGE_TURN_MASK);
        table.record(WORKER, bank, Span.REQUEST, us);
      };
    },
  };
}

/** Everything that the request thread does for a line; the disk is done at once. */
function logCase(name: string, sampleShare: number): MicroCase {
  return {
    name,
    prepare() {
      const control = ControlBlock.create(1, 1, 2);
      const clock = monotonicClock();
      const log = new AccessLog({ control, worker: WORKER, clock, io: noDisk, wallMs: Date.now, onTrouble: () => {} });
      log.use('/bench');
      const exchanges = Array.from({ length: EXCHANGE_COUNT }, (_, turn) => loggedExchange(turn, sampleShare));
      let turn = 0;
      return () => log.record(exchanges[turn++ & EXCHANGE_TURN_MASK] as Exchange);
    },
  };
}

const noDisk: LogIo = {
  open: (_file, callback) => callback(null, 3, true),
  write: (_fd, _bytes, _offset, length, callback) => callback(null, length),
  close: () => {},
};

function loggedExchange(turn: number, sampleShare: number): Exchange {
  const accessLog = { file: '/bench', sampleShare, errors: 'all' };
  const x = new Exchange(undefined as never, undefined as never, { plan: { accessLog } } as never, 1_000_000);
  const headers = ['host', 'shop.example', 'accept', '*/*', 'accept-encoding', 'gzip, br', 'cookie', 'a=b'];
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
  return Object.assign(x, {
    method: 'GET',
    path: `/shop/v1/orders/${1_000_000 + turn}/items`,
    headers: [...headers, 'user-agent', agent, 'x-api-key', 'none'],
    clientAddress: `192.0.2.${turn & 255}`,
    requestId: `0123456789ab-${turn.toString(36)}`,
    consumer: { name: 'alice' },
    route: { logNames: new LogNames({ service: 'shop', route: 'get-order', upstream: 0 }, [{ name: 'orders' }]) },
    status: 200,
    sentUs: 1_000_050 + turn,
    answerUs: 1_001_000 + turn,
    endUs: 1_001_234 + turn,
    answerBytes: 860,
  } as unknown as Partial<Exchange>);
}

function traceCase(name: string, share: number, headers: readonly string[]): MicroCase {
  return {
    name,
    prepare() {
      const tracer = new Tracer(ControlBlock.create(1, 1, 2), WORKER);
      const plan: TracingPlan = { rejectBelow: rejectBelow(share), slowUs: 1_000_000 };
      const x = new Exchange(undefined as never, undefined as never, undefined as never, 1_000);
      x.headers = ['host', 'a.example', 'accept', '*/*', 'user-agent', 'bench', 'accept-encoding', 'gzip', ...headers];
      Object.assign(x, { method: 'GET', methodIndex: 0, rawPath: '/a', status: 200, sentUs: 1_010, endUs: 1_200 });
      return () => {
        x.trace = traceOf(x, plan);
        tracer.end(x, plan);
        if (x.trace !== undefined) tracer.take(0);
        sink.number += x.headers.length;
      };
    },
  };
}
