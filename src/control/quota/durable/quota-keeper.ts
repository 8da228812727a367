// Hands out blocks of quotas to the workers, ahead of their use, and rolls the calendar's windows on. Main thread only.
//
// Where others take from the same counters (quotas over instances), what has lain unused goes back, and what the counters have
// refused is asked for again once a second: until then every worker refuses by itself, so that a flood costs one request to the
// store per second and quota.

import type { Clock } from '../../../base/clock.ts';
import type { QuotaNeed } from '../../../gateway/worker-messages.ts';
import { BLOCK_MAX, CALENDAR_COUNT, NO_BLOCK, type QuotaTable } from '../../../shm/quota-table.ts';
import type { Log } from '../../log.ts';
import { type CalendarWindow, quotaPeriods, windowAt } from '../calendar-window.ts';
import type { QuotaCounters, ReturnedBlock } from '../quota-counters.ts';
import { BLOCK_MIN } from './block-of.ts';

const TICK_MS = 100;
// A holding is looked at once a second; of more than 10,000 each less often, so that a tick takes some 2 ms at most.
const SWEEP_TICKS = 10;
const SWEEP_COUNT_MAX = 1_000;
const REFUSED_US = 1_000_000;
const IDLE_US = 10_000_000;

// A block is to last for some seconds; asked for sooner, the next one is twice as large.
const LASTS_US = 2_000_000;
// Long past any charge under way: a worker that hangs for so long ends the process.
const REUSE_US = 10_000_000;
const TROUBLE_LOG_US = 60_000_000;

/** What has been used of a quota, as of now. */
export interface QuotaUse {
  readonly need: QuotaNeed;
  /** Of the quota, the consumer and the window. */
  readonly id: string;
  readonly window: CalendarWindow;
  /** Taken by all instances, less what lies unused on this one. */
  readonly used: number;
}

export interface QuotaWatcher {
  /** Another one: all is to be told anew. */
  readonly version: unknown;
  /** @returns the use from which on it wants to hear again */
  note(use: QuotaUse): number;
}

interface Holding {
  readonly slot: number;
  need: QuotaNeed;
  id: string;
  windowNumber: number;
  size: number;
  grantedUs: number;
  /** What was left of the block at the last look that found another count, and when. */
  left: number;
  leftUs: number;
  /** When the counters refused, or could not be asked. */
  refusedUs: number;
  /** A request is under way whose fate is not known. */
  isLate: boolean;
  /** What the counters had left beside the block; Infinity: nothing is known. */
  beyond: number;
  noticeAt: number;
  noticeVersion: unknown;
}

export interface QuotaKeeperOptions {
  readonly table: QuotaTable;
  readonly clock: Clock;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
  readonly counters: QuotaCounters;
  readonly timeZone: () => string;
  /** Hears of every use, a second later at the latest. */
  readonly watcher?: QuotaWatcher;
  /** Exchanges that wait for this key may go on. */
  readonly wake: (key: string) => void;
  readonly log: Log;
}

export class QuotaKeeper {
  readonly #options: QuotaKeeperOptions;
  readonly #wallMs: () => number;
  readonly #windows: { window: CalendarWindow; number: number; sinceUs: number }[] = [];
  readonly #pending = new Set<string>();
  readonly #holdings = new Map<number, Holding>();
  /** A pass over all holdings, and how much of it each tick does. */
  #sweep: Iterator<Holding> | undefined;
  #sweepTicks = 0;
  #sweepCount = 0;
  #troubleUs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: QuotaKeeperOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
  }

  start(): void {
    this.tick();
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Every 100 ms. */
  tick(): void {
    this.#rollOn();
    this.#options.counters.tick(this.#wallMs());
    if (this.#options.counters.isShared || this.#options.watcher !== undefined) this.#sweepSome();
  }

  /** A worker needs a block, now or soon. */
  async need(need: QuotaNeed): Promise<void> {
    const { key } = need;
    if (this.#isClosed || this.#pending.has(key)) return;
    this.#pending.add(key);
    try {
      this.#rollOn();
      if (await this.#grant(need)) this.#options.wake(key);
    } catch (error) {
      // Those who wait take their way out when their time is over.
      this.#tellTrouble(error);
    } finally {
      this.#pending.delete(key);
    }
  }

  /** The counters can be asked again. */
  retry(): void {
    const { table } = this.#options;
    for (const { slot, windowNumber } of this.#holdings.values()) table.reopen(slot, windowNumber);
  }

  /** Another configuration: what was used up by the old one may not be by the new. */
  async refresh(): Promise<void> {
    await this.#returnAll();
  }

  /** After the last request. What was not spent goes back to the counters. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#returnAll();
    await this.#options.counters.close();
  }

  /** Roll windows on that are over. Also when the system's clock was set. */
  #rollOn(): void {
    const { table, clock, timeZone } = this.#options;
    const nowMs = this.#wallMs();
    const nowUs = clock.nowUs();
    for (let index = 0; index < CALENDAR_COUNT; index++) {
      const known = this.#windows[index];
      if (known !== undefined && nowMs >= known.window.startMs && nowMs < known.window.endMs) continue;
      const window = windowAt(periodOf(index), timeZone(), nowMs);
      const number = (known?.number ?? 0) + 1;
      this.#windows[index] = { window, number, sinceUs: nowUs };
      table.setWindow(index, number, Math.floor(nowUs + (window.endMs - nowMs) * 1_000));
    }
  }

  /** @returns whether those who wait may look again */
  async #grant(need: QuotaNeed): Promise<boolean> {
    const { quota, consumer, max, calendar, low, high } = need;
    const current = this.#windows[calendar];
    if (current === undefined) return false;
    const { table, clock, counters } = this.#options;
    const slot = table.open(low, high, calendar, (other, itsCalendar) => this.#isFree(other, itsCalendar));
    if (slot < 0) throw new Error('there is no room for another consumer in the table of quotas');
    const { window, number } = current;
    const id = `${quota}\n${consumer}\n${periodOf(calendar)}\n${window.startMs}`;
    const holding = this.#holdingOf(slot, need, id, number);
    const nowUs = clock.nowUs();
    const isFast = nowUs - holding.grantedUs < LASTS_US;
    holding.size = Math.min(BLOCK_MAX / 4, Math.max(BLOCK_MIN, isFast ? holding.size * 2 : holding.size / 2));
    const taken = await counters.take({ id, max, endMs: window.endMs }, Math.floor(holding.size));
    // The window may have ended meanwhile: then the block has, too.
    if (this.#windows[calendar]?.number !== number) return true;
    holding.isLate = taken === 'late';
    if (taken === 'late') return false;
    holding.refusedUs = clock.nowUs();
    if (taken === 'away') {
      table.refuse(slot, number);
      return true;
    }
    holding.grantedUs = nowUs;
    holding.beyond = taken.left;
    table.grant(slot, number, taken.granted, taken.left, taken.left === 0 ? -1 : Math.floor(taken.granted / 2));
    this.#tellUse(holding, window);
    return true;
  }

  #tellUse(holding: Holding, window: CalendarWindow): void {
    const { watcher, table } = this.#options;
    const { need, id, slot, windowNumber } = holding;
    if (watcher === undefined || holding.beyond === Number.POSITIVE_INFINITY) return;
    const used = need.max - holding.beyond - Math.max(0, table.leftOf(slot, windowNumber));
    const isKnown = holding.noticeVersion === watcher.version && used < holding.noticeAt;
    if (isKnown) return;
    holding.noticeVersion = watcher.version;
    holding.noticeAt = watcher.note({ need, id, window, used });
  }

  #holdingOf(slot: number, need: QuotaNeed, id: string, windowNumber: number): Holding {
    let holding = this.#holdings.get(slot);
    if (holding === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      holding = {
        ...{ slot, need, id, windowNumber, size: BLOCK_MIN, grantedUs: never },
        ...{ left: 0, leftUs: never, refusedUs: never, isLate: false },
        ...{ beyond: Number.POSITIVE_INFINITY, noticeAt: 0, noticeVersion: undefined },
      };
      this.#holdings.set(slot, holding);
    }
    if (holding.id !== id) Object.assign(holding, { beyond: Number.POSITIVE_INFINITY, noticeAt: 0 });
    holding.need = need;
    holding.id = id;
    holding.windowNumber = windowNumber;
    return holding;
  }

  #isFree(slot: number, calendar: number): boolean {
    const holding = this.#holdings.get(slot);
    const window = this.#windows[calendar];
    if (holding === undefined || window === undefined) return false;
    const isOver = holding.windowNumber !== window.number && this.#options.clock.nowUs() - window.sinceUs > REUSE_US;
    return isOver && this.#holdings.delete(slot);
  }

  /** A tenth of all holdings, or as many as there is time for. */
  #sweepSome(): void {
    if (this.#sweep === undefined) {
      this.#sweep = this.#holdings.values();
      this.#sweepCount = Math.min(SWEEP_COUNT_MAX, Math.ceil(this.#holdings.size / SWEEP_TICKS));
      this.#sweepTicks = Math.max(SWEEP_TICKS, Math.ceil(this.#holdings.size / SWEEP_COUNT_MAX));
    }
    const nowUs = this.#options.clock.nowUs();
    const idle: ReturnedBlock[] = [];
    for (let count = 0; count < this.#sweepCount; count++) {
      const next = this.#sweep.next();
      if (next.done === true) break;
      const block = this.#look(next.value, nowUs);
      if (block !== undefined) idle.push(block);
    }
    if (--this.#sweepTicks <= 0) this.#sweep = undefined;
    if (idle.length > 0) void this.#giveBack(idle);
  }

  /** @returns what has lain unused for too long */
  #look(holding: Holding, nowUs: number): ReturnedBlock | undefined {
    const { table, counters } = this.#options;
    const { slot, windowNumber, need } = holding;
    const current = this.#windows[need.calendar];
    if (current?.number !== windowNumber) return undefined;
    this.#tellUse(holding, current.window);
    if (!counters.isShared) return undefined;
    if (holding.isLate) void this.need(need);
    const left = table.leftOf(slot, windowNumber);
    if (left < 0 && left !== NO_BLOCK && nowUs - holding.refusedUs >= REFUSED_US) table.reopen(slot, windowNumber);
    if (left !== holding.left) {
      holding.left = left;
      holding.leftUs = nowUs;
    }
    if (left <= 0 || nowUs - holding.leftUs < IDLE_US || this.#pending.has(need.key)) return undefined;
    return this.#revoke(holding);
  }

  #revoke(holding: Holding): ReturnedBlock | undefined {
    const count = this.#options.table.revoke(holding.slot, holding.windowNumber);
    if (count === 0) return undefined;
    holding.beyond += count;
    return { id: holding.id, count };
  }

  async #returnAll(): Promise<void> {
    const blocks: ReturnedBlock[] = [];
    for (const holding of this.#holdings.values()) {
      const block = this.#revoke(holding);
      if (block !== undefined) blocks.push(block);
    }
    if (blocks.length > 0) await this.#giveBack(blocks);
  }

  async #giveBack(blocks: readonly ReturnedBlock[]): Promise<void> {
    await this.#options.counters.giveBack(blocks).catch((error: unknown) => this.#tellTrouble(error));
  }

  #tellTrouble(error: unknown): void {
    const nowUs = this.#options.clock.nowUs();
    if (nowUs - this.#troubleUs < TROUBLE_LOG_US) return;
    this.#troubleUs = nowUs;
    const why = error instanceof Error ? error.message : String(error);
    this.#options.log('error', `the counters of quotas cannot be used: ${why}`);
  }
}

function periodOf(calendar: number): (typeof quotaPeriods)[number] {
  return quotaPeriods[calendar] as (typeof quotaPeriods)[number];
}
