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
// A holding is looked at once a second.
const SWEEP_TICKS = 10;
const REFUSED_US = 1_000_000;
const IDLE_US = 10_000_000;

// A block is to last for some seconds; asked for sooner, the next one is twice as large.
const LASTS_US = 2_000_000;
// Long past any charge under way: a worker that hangs for so long ends the process.
const REUSE_US = 10_000_000;
const TROUBLE_LOG_US = 60_000_000;

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
}

export interface QuotaKeeperOptions {
  readonly table: QuotaTable;
  readonly clock: Clock;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
  readonly counters: QuotaCounters;
  readonly timeZone: () => string;
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
    if (this.#options.counters.isShared) this.#sweepSome();
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
    table.grant(slot, number, taken.granted, taken.left, taken.left === 0 ? -1 : Math.floor(taken.granted / 2));
    return true;
  }

  #holdingOf(slot: number, need: QuotaNeed, id: string, windowNumber: number): Holding {
    let holding = this.#holdings.get(slot);
    if (holding === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      holding = {
        ...{ slot, need, id, windowNumber, size: BLOCK_MIN, grantedUs: never },
        ...{ left: 0, leftUs: never, refusedUs: never, isLate: false },
      };
      this.#holdings.set(slot, holding);
    }
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

  /** A tenth of all holdings. */
  #sweepSome(): void {
    if (this.#sweep === undefined) {
      this.#sweep = this.#holdings.values();
      this.#sweepTicks = SWEEP_TICKS;
      this.#sweepCount = Math.ceil(this.#holdings.size / SWEEP_TICKS);
    }
    const idle: ReturnedBlock[] = [];
    for (let count = 0; count < this.#sweepCount; count++) {
      const next = this.#sweep.next();
      if (next.done === true) break;
      const block = this.#look(next.value);
      if (block !== undefined) idle.push(block);
    }
    if (--this.#sweepTicks <= 0) this.#sweep = undefined;
    if (idle.length > 0) void this.#giveBack(idle);
  }

  /** @returns what has lain unused for too long */
  #look(holding: Holding): ReturnedBlock | undefined {
    const { table, clock } = this.#options;
    const { slot, windowNumber, id, need } = holding;
    if (this.#windows[need.calendar]?.number !== windowNumber) return undefined;
    if (holding.isLate) void this.need(need);
    const nowUs = clock.nowUs();
    const left = table.leftOf(slot, windowNumber);
    if (left < 0 && left !== NO_BLOCK && nowUs - holding.refusedUs >= REFUSED_US) table.reopen(slot, windowNumber);
    if (left !== holding.left) {
      holding.left = left;
      holding.leftUs = nowUs;
    }
    if (left <= 0 || nowUs - holding.leftUs < IDLE_US || this.#pending.has(need.key)) return undefined;
    const count = table.revoke(slot, windowNumber);
    return count > 0 ? { id, count } : undefined;
  }

  async #returnAll(): Promise<void> {
    const blocks: ReturnedBlock[] = [];
    for (const { slot, id, windowNumber } of this.#holdings.values()) {
      const count = this.#options.table.revoke(slot, windowNumber);
      if (count > 0) blocks.push({ id, count });
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
