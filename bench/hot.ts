// npm run bench:hot: nanoseconds of the functions that every request calls. Medians over rounds, on one thread.

import { monotonicClock } from '../src/base/clock.ts';
import { SeededHash } from '../src/base/hash.ts';
import type { LimitIndex, WorkerIndex } from '../src/base/ids.ts';
import { LimitRegistry } from '../src/control/quota/limit-registry.ts';
import { chargeLimit, LimitReading } from '../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../src/gateway/limiter/limit.ts';
import { Exchange } from '../src/gateway/pipeline/exchange.ts';
import { compileTrie } from '../src/gateway/router/compile-trie.ts';
import { RouteMatch, RouteMatcher } from '../src/gateway/router/match-route.ts';
import { methodIndex } from '../src/gateway/router/methods.ts';
import { normalizePath } from '../src/gateway/router/normalize-path.ts';
import type { TracingPlan } from '../src/gateway/snapshot.ts';
import { rejectBelow } from '../src/gateway/telemetry/sampler.ts';
import { traceOf } from '../src/gateway/telemetry/trace-context.ts';
import { Tracer } from '../src/gateway/telemetry/tracer.ts';
import { ConcurrencyTable } from '../src/shm/concurrency-table.ts';
import { ControlBlock } from '../src/shm/control-block.ts';
import { LimitTable } from '../src/shm/limit-table.ts';

const ROUNDS = 15;
const CALLS = 200_000;
const KEYS = 1_024;

// Whatever a call gives goes here, so that no call is left out by the compiler.
let sink = 0;

function measure(name: string, call: (i: number) => number, calls = CALLS): void {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const from = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) sink += call(i);
    return Number(process.hrtime.bigint() - from) / calls;
  }).sort((a, b) => a - b);
  process.stdout.write(`${name.padEnd(44)} ${(rounds[ROUNDS >> 1] as number).toFixed(0).padStart(6)} ns\n`);
}

function benchRoutes(count: number): void {
  const compiled = compileTrie(
    Array.from({ length: count }, (_, routeIndex) => ({
      hosts: [],
      method: 'GET',
      path: `/service-${routeIndex % 100}/v1/resource-${routeIndex}/{id}/items`,
      routeIndex,
      name: `r${routeIndex}`,
    })),
  );
  if (!compiled.ok) throw new Error('the routes do not compile');
  const shared = new Int32Array(new SharedArrayBuffer(compiled.value.words.byteLength));
  shared.set(compiled.value.words);
  const matcher = new RouteMatcher(shared);
  const match = new RouteMatch();
  const paths = Array.from({ length: KEYS }, (_, i) => {
    const route = (i * 7_919) % count;
    return `/service-${route % 100}/v1/resource-${route}/${i}/items`;
  });
  const get = methodIndex('GET');
  measure(
    `match, ${count} routes`,
    (i) => matcher.match('a.example', paths[i % KEYS] as string, get, match) + match.route,
  );
}

function benchLimits(): void {
  const clock = monotonicClock();
  const table = LimitTable.create();
  const registry = new LimitRegistry(table, clock);
  const resolved = registry.resolve([
    { idLow: 1, idHigh: 2, name: 'bench', tokensPerSecond: 1_000_000, burst: 1_000_000 },
  ]);
  if (!resolved.ok) throw new Error(resolved.error);
  registry.commit();
  const limit = new Limit(table, resolved.value[0] as LimitIndex);
  const reading = new LimitReading();
  const hash = new SeededHash(3, 4);
  const keys = Array.from({ length: KEYS }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  measure('clock', () => clock.nowUs());
  measure('hash of an address', (i) => {
    hash.hash(1, 2, keys[i % KEYS] as string);
    return hash.low;
  });
  measure('hash and rate-limit decision', (i) => {
    hash.hash(1, 2, keys[i % KEYS] as string);
    return chargeLimit(limit, table, hash.low, hash.high, clock, reading);
  });
  const concurrency = ConcurrencyTable.create(1);
  const worker = 0 as WorkerIndex;
  measure('concurrency: acquire and release', (i) => {
    const slot = concurrency.acquire(i % KEYS, 7, 100, worker);
    concurrency.release(slot, worker);
    return slot;
  });
}

function benchTraces(): void {
  const worker = 0 as WorkerIndex;
  const tracer = new Tracer(ControlBlock.create(1, 1, 2), worker);
  const none: TracingPlan = { rejectBelow: rejectBelow(0), slowUs: 1_000_000 };
  const all: TracingPlan = { rejectBelow: rejectBelow(1), slowUs: 1_000_000 };
  const exchange = (...headers: string[]): Exchange => {
    const x = new Exchange(undefined as never, undefined as never, undefined as never, 1_000);
    x.headers = ['host', 'a.example', 'accept', '*/*', 'user-agent', 'bench', 'accept-encoding', 'gzip', ...headers];
    return Object.assign(x, { method: 'GET', methodIndex: 0, rawPath: '/a', status: 200, sentUs: 1_010, endUs: 1_200 });
  };
  const trace = (x: Exchange, plan: TracingPlan): number => {
    x.trace = traceOf(x, plan);
    tracer.end(x, plan);
    if (x.trace !== undefined) tracer.take(0);
    return x.headers.length;
  };
  const plain = exchange();
  const told = exchange('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00');
  measure('trace: not sampled', () => trace(plain, none));
  measure('trace: not sampled, by its sender', () => trace(told, none));
  measure('trace: sampled, two spans made and packed', () => trace(plain, all), CALLS / 20);
}

for (const count of [10, 1_000, 10_000]) benchRoutes(count);
const normal = { path: '', flags: 0 };
measure('normalize a path that is normal', () => normalizePath('/service-7/v1/resource-4711/42/items', normal));
measure('normalize a path that is not', () => normalizePath('/service-7//v1/./resource-4711/%34%32/items', normal));
benchLimits();
benchTraces();
process.stdout.write(`(${sink === 0 ? '' : 'done'})\n`);
