// node dist/bench/micro/access-log.js: nanoseconds of CPU time that a line of the access log costs the request thread,
// everything but the disk included. Medians over rounds, on one thread.

import { monotonicClock } from '../../src/base/clock.ts';
import type { WorkerIndex } from '../../src/base/ids.ts';
import { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import { AccessLog } from '../../src/gateway/telemetry/access-log.ts';
import type { LogIo } from '../../src/gateway/telemetry/log-io.ts';
import { LogNames } from '../../src/gateway/telemetry/log-names.ts';
import { ControlBlock } from '../../src/shm/control-block.ts';

const ROUNDS = 25;
const CALLS = 50_000;
const EXCHANGES = 1_024;
const WORKER = 0 as WorkerIndex;

/** A disk that is done at once. */
const noDisk: LogIo = {
  open: (_file, callback) => callback(null, 3, true),
  write: (_fd, _bytes, _offset, length, callback) => callback(null, length),
  close: () => {},
};

function exchange(i: number, sampleShare: number): Exchange {
  const accessLog = { file: '/bench', sampleShare, allErrors: true };
  const x = new Exchange(undefined as never, undefined as never, { plan: { accessLog } } as never, 1_000_000);
  const headers = ['host', 'shop.example', 'accept', '*/*', 'accept-encoding', 'gzip, br', 'cookie', 'a=b'];
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
  return Object.assign(x, {
    method: 'GET',
    path: `/shop/v1/orders/${1_000_000 + i}/items`,
    headers: [...headers, 'user-agent', agent, 'x-api-key', 'none'],
    clientAddress: `192.0.2.${i & 255}`,
    requestId: `0123456789ab-${i.toString(36)}`,
    consumer: { name: 'alice' },
    route: { logNames: new LogNames('shop', 'get-order', 'orders') },
    status: 200,
    sentUs: 1_000_050 + i,
    answerUs: 1_001_000 + i,
    endUs: 1_001_234 + i,
    answerBytes: 860,
  } as unknown as Partial<Exchange>);
}

function measure(name: string, sampleShare: number): void {
  const control = ControlBlock.create(1, 1, 2);
  const clock = monotonicClock();
  const log = new AccessLog({ control, worker: WORKER, clock, io: noDisk, wallMs: Date.now, onTrouble: () => {} });
  log.use('/bench');
  const exchanges = Array.from({ length: EXCHANGES }, (_, i) => exchange(i, sampleShare));
  const rounds = Array.from({ length: ROUNDS }, () => {
    const from = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) log.record(exchanges[i % EXCHANGES] as Exchange);
    const { user, system } = process.cpuUsage(from);
    return ((user + system) * 1_000) / CALLS;
  }).sort((a, b) => a - b);
  process.stdout.write(`${name.padEnd(32)} ${(rounds[ROUNDS >> 1] as number).toFixed(0).padStart(6)} ns\n`);
}

measure('a line of 420 bytes', 1);
measure('a request that is not sampled', 0);
