// Real threads, the real clock: what they admit, by the clock readings that decided it. Each case hammers for up to a second.
// This file starts itself as the hammering worker.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { monotonicClock } from '../../../src/base/clock.ts';
import { SeededHash } from '../../../src/base/hash.ts';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry } from '../../../src/control/quota/limit-registry.ts';
import { LimitSweeper } from '../../../src/control/quota/sweep-limits.ts';
import { charge } from '../../../src/gateway/limiter/charge.ts';
import { LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import type { WindowDefinition } from '../../../src/gateway/snapshot.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { definition, type ExactRate, excess, mostInAny, RecordingClock } from './window.ts';

interface Job {
  readonly table: SharedArrayBuffer;
  readonly turns: SharedArrayBuffer;
  readonly worker: number;
  readonly limit: number;
  readonly keyCount: number;
  readonly ms: number;
  /** Charges in one turn. */
  readonly charges: number;
}

interface Hammered {
  /** Pairs: key, clock reading. */
  readonly admitted: Float64Array;
  readonly firstUs: number;
  readonly lastUs: number;
  /** At this reading, every token that was due was spent. */
  readonly lastRefusalUs: number;
  readonly tries: number;
}

// A worker that fills its whole log would stop measuring.
const ADMITTED_MAX = 1_000_000;

function hammer(job: Job): Hammered {
  const table = new LimitTable(job.table);
  const turns = new Int32Array(job.turns);
  const limit = new Limit(table, job.limit as LimitIndex);
  const clock = new RecordingClock(monotonicClock());
  const out = new LimitReading();
  const hash = new SeededHash(11, 22);
  const log = new Float64Array(2 * ADMITTED_MAX);
  let count = 0;
  let tries = 0;
  let lastRefusalUs = 0;
  let random = 12_345 + job.worker;
  // Start together.
  Atomics.add(turns, 63, 1);
  while (Atomics.load(turns, 62) === 0) Atomics.wait(turns, 62, 0, 100);
  const firstUs = clock.nowUs();
  const endUs = firstUs + job.ms * 1_000;
  while (clock.lastUs < endUs && count < ADMITTED_MAX) {
    for (let n = 0; n < job.charges; n++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      const key = (random >>> 8) % job.keyCount;
      hash.hash(1, 2, `key ${key}`);
      tries++;
      const shortfall = charge(limit, table, hash.low, hash.high, clock, out);
      if (shortfall !== 0) {
        // A shortfall of 1 may only mean that another thread was making the key.
        if (shortfall > 1) lastRefusalUs = clock.lastUs;
        continue;
      }
      log[2 * count] = key;
      log[2 * count + 1] = clock.lastUs;
      count++;
      if (count === ADMITTED_MAX) break;
    }
    Atomics.add(turns, job.worker, 1);
  }
  return { admitted: log.slice(0, 2 * count), firstUs, lastUs: clock.lastUs, lastRefusalUs, tries };
}

if (!isMainThread) parentPort?.postMessage(hammer(workerData as Job));
else await runTests();

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');
  // Other test files may have the cores for most of the time.
  t.setTimeout(120_000);
  const clock = monotonicClock();

  /** Hammer a limit from several threads while this one sweeps, and does whatever else. */
  async function run(options: {
    readonly rate: ExactRate;
    readonly burst: number;
    readonly threads: number;
    readonly keyCount: number;
    readonly slotCount: number;
    readonly ms: number;
    readonly sweepsPerRound: number;
    readonly window?: WindowDefinition;
    readonly wallMs?: () => number;
    readonly during?: (registry: LimitRegistry, elapsedMs: number) => void;
  }) {
    const table = LimitTable.create(2, options.slotCount);
    const registry = new LimitRegistry(table, clock, options.wallMs);
    const turnsBuffer = new SharedArrayBuffer(256);
    const turns = new Int32Array(turnsBuffer);
    let running = options.threads;
    const sweeper = new LimitSweeper(table, registry, clock, {
      workerCount: options.threads,
      turnOf: (worker) => Atomics.load(turns, worker),
      isRunning: () => running > 0,
    });
    const resolved = registry.resolve([
      { ...definition(1, options.rate, options.burst), ...(options.window && { window: options.window }) },
    ]);
    if (!resolved.ok) throw new Error(resolved.error);
    const limit = resolved.value[0] as LimitIndex;
    const job = {
      table: table.buffer,
      turns: turnsBuffer,
      limit,
      keyCount: options.keyCount,
      ms: options.ms,
      charges: 20,
    };
    const workers = Array.from({ length: options.threads }, (_, worker) => {
      return new Worker(new URL(import.meta.url), { workerData: { ...job, worker } satisfies Job });
    });
    const answers = workers.map(async (worker) => {
      const [answer] = (await once(worker, 'message')) as [Hammered];
      running--;
      return answer;
    });
    while (Atomics.load(turns, 63) < options.threads) await new Promise((resolve) => setImmediate(resolve));
    Atomics.store(turns, 62, 1);
    Atomics.notify(turns, 62);
    const startUs = clock.nowUs();
    while (running > 0) {
      for (let n = 0; n < options.sweepsPerRound; n++) sweeper.sweepSlice();
      options.during?.(registry, (clock.nowUs() - startUs) / 1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const results = await Promise.all(answers);
    const byKey = new Map<number, number[]>();
    for (const { admitted } of results) {
      for (let i = 0; i < admitted.length; i += 2) {
        const key = admitted[i] as number;
        const times = byKey.get(key) ?? [];
        times.push(admitted[i + 1] as number);
        byKey.set(key, times);
      }
    }
    const firstUs = Math.min(...results.map((result) => result.firstUs));
    const lastUs = Math.max(...results.map((result) => result.lastUs));
    const lastRefusalUs = Math.max(...results.map((result) => result.lastRefusalUs));
    const tries = results.reduce((sum, result) => sum + result.tries, 0);
    return { byKey, firstUs, lastUs, lastRefusalUs, tries, table, sweeper, limit };
  }

  for (const [name, tokens, burst, threads] of [
    ['7/s', 7, 3, 2],
    ['1,000/s', 1_000, 500, 3],
    // A second's worth: the machine may well have something else to do for that long.
    ['100,000/s', 100_000, 100_000, 2],
  ] as const) {
    t.test(`${threads} threads on one key at ${name}: no window over, 99 % used`, async (t) => {
      const rate = { tokens, seconds: 1 };
      const done = await run({ rate, burst, threads, keyCount: 1, slotCount: 64, ms: 500, sweepsPerRound: 8 });
      const times = (done.byKey.get(0) ?? []).sort((a, b) => a - b);
      t.ok(excess(times, rate, burst) <= 0, `no window is over (${times.length} admitted of ${done.tries})`);
      const spent = times.filter((us) => us <= done.lastRefusalUs).length;
      // When no thread ran for longer than the burst takes to come back, what came on top of it was lost.
      const gaps = times.slice(1).map((us, index) => ((us - (times[index] as number)) * tokens) / 1_000_000);
      const lastGap = ((done.lastRefusalUs - (times[spent - 1] as number)) * tokens) / 1_000_000;
      const due = [...gaps.slice(0, spent - 1), lastGap].reduce((sum, gap) => sum + Math.min(gap, burst), burst);
      // A request that was refused, and no later one, may have been a hair early; so 7/s is counted exactly.
      t.ok(spent >= (tokens === 7 ? Math.floor(due - 0.001) : 0.99 * due - 1), `${spent} admitted, ${due} were due`);
    });
  }

  t.test('2 threads in a sliding window: none is over, 90 % used', async (t) => {
    const window = { algorithm: 'sliding-window', seconds: 1 } as const;
    const options = { rate: { tokens: 2_000, seconds: 1 }, burst: 2_000, threads: 2, keyCount: 1, slotCount: 64 };
    const done = await run({ ...options, window, ms: 1_300, sweepsPerRound: 8 });
    const times = done.byKey.get(0) ?? [];
    const most = mostInAny(times, 1_000_000);
    t.ok(most <= 2_000 && most >= 1_800, `${most} in the fullest window, ${times.length} in all of ${done.tries}`);
    t.ok(times.length > 2_000, 'more than one window was seen');
  });

  t.test('more keys than slots in fixed windows: no key is over in any', async (t) => {
    const window = { algorithm: 'fixed-window', seconds: 1 } as const;
    const options = { rate: { tokens: 40, seconds: 1 }, burst: 40, threads: 2, keyCount: 200, slotCount: 64 };
    // Windows begin where this clock's seconds do.
    const wallMs = () => clock.nowUs() / 1_000;
    const done = await run({ ...options, window, wallMs, ms: 900, sweepsPerRound: 64 });
    for (const times of done.byKey.values()) {
      // The two readings of the clock, and their rounding to whole milliseconds, may be 50 µs apart or more: at the edges
      // of a window only those are looked at that lie well within it.
      const inner = times.filter((us) => us % 1_000_000 > 2_000 && us % 1_000_000 < 998_000);
      const counts = new Map<number, number>();
      for (const us of inner) counts.set(Math.floor(us / 1_000_000), (counts.get(Math.floor(us / 1_000_000)) ?? 0) + 1);
      if (Math.max(0, ...counts.values()) > 40) t.fail(`${[...counts.values()]}`);
    }
    t.ok(done.table.overflowCount(done.limit) > 0, `${done.table.overflowCount(done.limit)} decisions shared a word`);
  });

  t.test('a flood of more keys than slots: no key is over, and the sharing is counted', async (t) => {
    const rate = { tokens: 200, seconds: 1 };
    const options = { rate, burst: 4, threads: 2, keyCount: 300, slotCount: 64, ms: 500, sweepsPerRound: 64 };
    const done = await run(options);
    const worst = Math.max(...[...done.byKey.values()].map((times) => excess(times, rate, options.burst)));
    t.ok(worst <= 0, `no key is over (${done.tries} tries, ${done.byKey.size} keys)`);
    t.ok(done.table.overflowCount(done.limit) > 0, `${done.table.overflowCount(done.limit)} decisions shared a word`);
    t.comment(`freed ${done.sweeper.freedCount}, busy ${done.table.busyCount(done.limit)}`);
  });

  t.test('keys come and go as fast as the sweeper can unlink them: no key is over', async (t) => {
    const rate = { tokens: 500, seconds: 1 };
    const options = { rate, burst: 3, threads: 3, keyCount: 3_000, slotCount: 2_048, ms: 1_000, sweepsPerRound: 128 };
    const done = await run(options);
    const worst = Math.max(...[...done.byKey.values()].map((times) => excess(times, rate, options.burst)));
    t.ok(worst <= 0, `no key is over (${done.tries} tries, ${done.byKey.size} keys)`);
    t.ok(done.sweeper.freedCount > 100, `${done.sweeper.freedCount} slots were taken back`);
    t.comment(`overflow ${done.table.overflowCount(done.limit)}, busy ${done.table.busyCount(done.limit)}`);
  });

  t.test('the rate changes under hammering threads: no window is over what the rates add up to', async (t) => {
    const burst = 500;
    const sequence = [2_000, 20, 4_000, 10_000, 1_000];
    const pieces: { fromUs: number; tokens: number }[] = [{ fromUs: 0, tokens: 1_000 }];
    let changes = 0;
    const done = await run({
      rate: { tokens: 1_000, seconds: 1 },
      burst,
      threads: 2,
      keyCount: 1,
      slotCount: 64,
      ms: 1_200,
      sweepsPerRound: 4,
      during: (registry, elapsedMs) => {
        if (changes >= sequence.length || elapsedMs < 150 * (changes + 1)) return;
        const tokens = sequence[changes++] as number;
        registry.resolve([definition(1, { tokens, seconds: 1 }, burst)]);
        registry.commit();
        t.equal(registry.pendingCount, 0, 'the change is written at once');
        t.equal(registry.lateChangeCount, 0, 'and in time');
        pieces.push({ fromUs: registry.startUsOf(0 as LimitIndex) as number, tokens });
      },
    });
    const times = (done.byKey.get(0) ?? []).sort((a, b) => a - b);
    const allowed = (us: number) =>
      pieces.reduce((sum, piece, index) => {
        const endUs = Math.min(us, pieces[index + 1]?.fromUs ?? Number.POSITIVE_INFINITY);
        const fromUs = Math.max(piece.fromUs, done.firstUs);
        return sum + (Math.max(0, endUs - fromUs) * piece.tokens) / 1_000_000;
      }, 0);
    let largest = Number.NEGATIVE_INFINITY;
    let worst = Number.NEGATIVE_INFINITY;
    times.forEach((us, index) => {
      const level = allowed(us) - index;
      largest = Math.max(largest, level);
      worst = Math.max(worst, largest - level + 1 - burst);
    });
    t.ok(worst <= 1e-6, `no window is over: ${worst}`);
    const due = allowed(done.lastUs) + burst;
    t.ok(times.length > 0.8 * due, `${times.length} of ${due}`);
    t.equal(changes, sequence.length);
  });
}
