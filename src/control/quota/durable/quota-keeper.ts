// Hands out blocks of quotas to the workers, ahead of their use, and rolls the calendar's windows on. Main thread only.

import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import type { QuotaNeed } from '../../../gateway/worker-messages.ts';
import { BLOCK_MAX, CALENDAR_COUNT, type QuotaTable } from '../../../shm/quota-table.ts';
import type { Log } from '../../log.ts';
import { BLOCK_MIN } from './block-of.ts';
import { Calendar, type CalendarWindow, periods } from './calendar.ts';
import { QuotaStore } from './quota-store.ts';

const TICK_MS = 100;

// A block is to last for some seconds; asked for sooner, the next one is twice as large.
const LASTS_US = 2_000_000;
// Long past any charge under way: a worker that hangs for so long ends the process.
const REUSE_US = 10_000_000;
const TROUBLE_LOG_US = 60_000_000;
const PRUNE_US = 3_600_000_000;

interface Holding {
  readonly slot: number;
  readonly calendar: number;
  id: string;
  windowNumber: number;
  size: number;
  grantedUs: number;
}

export interface QuotaKeeperOptions {
  readonly table: QuotaTable;
  readonly clock: Clock;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
  /** gateway.data: the counters lie below, and are opened at the first need. */
  readonly folder: string;
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
  #timeZone = '';
  #calendar = new Calendar('UTC');
  #store: QuotaStore | undefined;
  #troubleUs = Number.NEGATIVE_INFINITY;
  #prunedUs = Number.NEGATIVE_INFINITY;
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

  /** Roll windows on that are over. Also when the system's clock was set. */
  tick(): void {
    const { table, clock, timeZone } = this.#options;
    const zone = timeZone();
    if (zone !== this.#timeZone) this.#calendar = new Calendar(zone);
    this.#timeZone = zone;
    const nowMs = this.#wallMs();
    const nowUs = clock.nowUs();
    for (let index = 0; index < CALENDAR_COUNT; index++) {
      const known = this.#windows[index];
      if (known !== undefined && nowMs >= known.window.startMs && nowMs < known.window.endMs) continue;
      const window = this.#calendar.windowOf(periods[index] as (typeof periods)[number], nowMs);
      const number = (known?.number ?? 0) + 1;
      this.#windows[index] = { window, number, sinceUs: nowUs };
      table.setWindow(index, number, Math.floor(nowUs + (window.endMs - nowMs) * 1_000));
    }
  }

  /** A worker needs a block, now or soon. */
  async need(need: QuotaNeed): Promise<void> {
    const { key } = need;
    if (this.#isClosed || this.#pending.has(key)) return;
    this.#pending.add(key);
    try {
      this.tick();
      await this.#grant(need);
      this.#options.wake(key);
    } catch (error) {
      // Those who wait take their way out when their time is over.
      this.#tellTrouble(error);
    } finally {
      this.#pending.delete(key);
    }
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
    await this.#store?.close();
    this.#store = undefined;
  }

  async #grant({ quota, consumer, max, calendar, low, high }: QuotaNeed): Promise<void> {
    const current = this.#windows[calendar];
    if (current === undefined) return;
    const { table, clock } = this.#options;
    const slot = table.open(low, high, calendar, (other, itsCalendar) => this.#isFree(other, itsCalendar));
    if (slot < 0) throw new Error('there is no room for another consumer in the table of quotas');
    const id = `${quota}\n${consumer}\n${periods[calendar]}\n${current.window.startMs}`;
    const holding = this.#holdingOf(slot, calendar, id, current.number);
    const nowUs = clock.nowUs();
    const isFast = nowUs - holding.grantedUs < LASTS_US;
    holding.size = Math.min(BLOCK_MAX / 4, Math.max(BLOCK_MIN, isFast ? holding.size * 2 : holding.size / 2));
    const { granted, left } = await this.#open().take(id, max, Math.floor(holding.size), current.window.endMs);
    holding.grantedUs = nowUs;
    // The window may have ended meanwhile: then the block has, too.
    if (this.#windows[calendar]?.number !== current.number) return;
    table.grant(slot, current.number, granted, left, left === 0 ? -1 : Math.floor(granted / 2));
  }

  #holdingOf(slot: number, calendar: number, id: string, windowNumber: number): Holding {
    let holding = this.#holdings.get(slot);
    if (holding === undefined) {
      holding = { slot, calendar, id, windowNumber, size: BLOCK_MIN, grantedUs: Number.NEGATIVE_INFINITY };
      this.#holdings.set(slot, holding);
    }
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

  #open(): QuotaStore {
    this.#store ??= new QuotaStore(join(this.#options.folder, 'quotas'));
    const nowUs = this.#options.clock.nowUs();
    if (nowUs - this.#prunedUs > PRUNE_US) {
      this.#prunedUs = nowUs;
      this.#store.prune(this.#wallMs()).catch((error: unknown) => this.#tellTrouble(error));
    }
    return this.#store;
  }

  async #returnAll(): Promise<void> {
    const blocks: { readonly id: string; readonly count: number }[] = [];
    for (const { slot, id, windowNumber } of this.#holdings.values()) {
      const count = this.#options.table.revoke(slot, windowNumber);
      if (count > 0) blocks.push({ id, count });
    }
    if (blocks.length === 0) return;
    await this.#open()
      .giveBack(blocks)
      .catch((error: unknown) => this.#tellTrouble(error));
  }

  #tellTrouble(error: unknown): void {
    const nowUs = this.#options.clock.nowUs();
    if (nowUs - this.#troubleUs < TROUBLE_LOG_US) return;
    this.#troubleUs = nowUs;
    const why = error instanceof Error ? error.message : String(error);
    this.#options.log('error', `the counters of quotas cannot be used: ${why}`);
  }
}
