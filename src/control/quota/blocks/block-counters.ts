// Quotas over instances: blocks from Redis, each on this instance's disk before a token of it is spent. One request at a time for
// each window; what the store says is the truth, and without a word of it nothing is handed out.

import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../log.ts';
import { NEVER_MS } from '../calendar-window.ts';
import type { HeldTotal, HeldTotals } from '../durable/held-store.ts';
import type { CountedWindow, NoAnswer, QuotaCounters, ReturnedBlock, Taken } from '../quota-counters.ts';
import { BlockAccount, type BlockContext } from './block-account.ts';
import { type BlockRequest, blockStatus, WINDOW_GRACE_MS } from './block-record.ts';
import type { BlockStore } from './block-store.ts';
import { LossReporter } from './loss-reporter.ts';

const ROUND_TRIP_WEIGHT = 1 / 8;
const FORGET_MS = 10_000;
const PRUNE_MS = 3_600_000;
// Blocks that go back at once, and how long all may take: the process ends.
const RETURNS_AT_ONCE = 128;
const RETURN_MS_MAX = 2_000;
const RETURN_TRIES = 2;
const TROUBLE_LOG_US = 60_000_000;

export interface BlockCountersOptions {
  readonly store: BlockStore;
  readonly held: HeldTotals;
  readonly clock: Clock;
  readonly log: Log;
}

/** For metrics. */
export interface BlockStatus {
  readonly isUp: boolean;
  readonly windows: number;
  readonly commands: number;
  readonly failures: number;
  readonly roundTripUs: number;
  readonly granted: number;
  readonly returned: number;
  readonly losses: number;
  readonly reports: number;
}

interface Window {
  readonly id: string;
  readonly endMs: number;
  readonly account: BlockAccount;
  /** Whoever asks next comes after this. */
  turn: Promise<unknown>;
  turnCount: number;
  left: number;
}

export class BlockCounters implements QuotaCounters {
  readonly isShared = true;
  readonly #options: BlockCountersOptions;
  readonly #context: BlockContext;
  readonly #windows = new Map<string, Window>();
  readonly #busy = new Set<Window>();
  readonly #reporter: LossReporter;
  #commandCount = 0;
  #failureCount = 0;
  #failuresInARow = 0;
  #roundTripUs = 0;
  #grantedCount = 0;
  #returnedCount = 0;
  #forgotMs = 0;
  #prunedMs = 0;
  #troubleUs = Number.NEGATIVE_INFINITY;

  constructor(options: BlockCountersOptions) {
    this.#options = options;
    const { store, held, log } = options;
    this.#context = { holder: held.holder, sequence: held.firstSequence };
    this.#reporter = new LossReporter({
      ...{ store, held, log },
      settle: () => Promise.all([...this.#busy].map(({ turn }) => turn)),
      report: (total, holds) => this.#report(total, holds),
    });
  }

  take(counted: CountedWindow, wanted: number): Promise<Taken | NoAnswer> {
    const window = this.#open(counted.id, counted.endMs);
    return this.#inTurn(window, () => this.#take(window, counted.max, wanted));
  }

  async giveBack(blocks: readonly ReturnedBlock[]): Promise<void> {
    const { clock, store } = this.#options;
    const untilUs = clock.nowUs() + RETURN_MS_MAX * 1_000;
    for (let at = 0; at < blocks.length; at += RETURNS_AT_ONCE) {
      const isOnTime = store.isUp && clock.nowUs() < untilUs;
      await Promise.all(blocks.slice(at, at + RETURNS_AT_ONCE).map((block) => this.#giveBack(block, isOnTime)));
    }
  }

  tick(nowMs: number): void {
    this.#reporter.look(nowMs).catch((error: unknown) => this.#tellTrouble(error));
    if (nowMs >= this.#prunedMs + PRUNE_MS) {
      this.#prunedMs = nowMs;
      this.#options.held.prune(nowMs).catch((error: unknown) => this.#tellTrouble(error));
    }
    if (nowMs < this.#forgotMs + FORGET_MS) return;
    this.#forgotMs = nowMs;
    for (const window of this.#windows.values()) {
      if (nowMs > window.endMs + WINDOW_GRACE_MS && window.turnCount === 0) this.#windows.delete(window.id);
    }
  }

  status(): BlockStatus {
    return {
      isUp: this.#options.store.isUp,
      windows: this.#windows.size,
      commands: this.#commandCount,
      failures: this.#failureCount,
      roundTripUs: this.#roundTripUs,
      granted: this.#grantedCount,
      returned: this.#returnedCount,
      losses: this.#reporter.lossCount,
      reports: this.#reporter.reportCount,
    };
  }

  async close(): Promise<void> {
    // What could not be given back before, and what has had no answer.
    const open = [...this.#windows.values()].filter(
      ({ account }) => account.spare > 0 || account.pending !== undefined,
    );
    await this.giveBack(open.map(({ id }) => ({ id, count: 0 })));
    await Promise.all([...this.#busy].map(({ turn }) => turn));
    this.#options.store.close();
    await this.#options.held.close();
  }

  async #take(window: Window, max: number, wanted: number): Promise<Taken | NoAnswer> {
    const { account } = window;
    if (account.spare > 0) {
      const granted = account.spare;
      account.spare = 0;
      return { granted, left: window.left };
    }
    const { pending } = account;
    if (pending !== undefined) {
      const taken = await this.#exchange(window, pending);
      if (typeof taken === 'string' || pending.wanted > 0) return taken;
    }
    return this.#exchange(window, account.ask(max, wanted));
  }

  /** @param isSent  false: it stays at hand, for the next who asks */
  #giveBack({ id, count }: ReturnedBlock, isSent: boolean): Promise<void> {
    const window = this.#windows.get(id);
    if (window === undefined) return Promise.resolve();
    const { account } = window;
    return this.#inTurn(window, async () => {
      account.spare += count;
      for (
        let tries = 0;
        isSent && tries < RETURN_TRIES && (account.pending !== undefined || account.spare > 0);
        tries++
      ) {
        const request = account.pending ?? account.giveBack();
        const taken = await this.#exchange(window, request);
        if (typeof taken !== 'string') account.spare += taken.granted;
      }
    });
  }

  /** Of any life of this instance. It is told again until the store has heard it. */
  #report({ id, holder, endMs, total }: HeldTotal, holds: boolean): Promise<boolean> {
    const request = { limit: 0, holder, sequence: 0, total, returned: 0, wanted: 0, endMs: endOf(endMs), holds };
    return this.#send(id, request).then((reply) => reply.ok);
  }

  async #exchange(window: Window, request: BlockRequest): Promise<Taken | NoAnswer> {
    const { store, held } = this.#options;
    const reply = await this.#send(window.id, request);
    if (!reply.ok) return store.isUp && this.#failuresInARow < 2 ? 'late' : 'away';
    const { status, granted, remaining } = reply.value;
    const tokens = window.account.answered(request, reply.value);
    if (status === blockStatus.stale) {
      this.#failureCount++;
      this.#tellTrouble(
        'Redis knows of later requests of this instance: its data folder is in use twice, or was copied',
      );
      return 'away';
    }
    window.left = remaining;
    if (tokens > 0) this.#grantedCount += tokens;
    else this.#returnedCount -= tokens;
    // Before anybody spends them: what is not on disk is forgotten when this process and the store's data are lost together.
    if (tokens !== 0) window.account.total = await held.add(window.id, tokens, window.endMs);
    return status === blockStatus.recovering ? 'away' : { granted, left: remaining };
  }

  async #send(id: string, request: BlockRequest) {
    const { store, clock } = this.#options;
    const sentUs = clock.nowUs();
    this.#commandCount++;
    const reply = await store.ask(id, request);
    if (reply.ok) {
      this.#failuresInARow = 0;
      this.#roundTripUs += (clock.nowUs() - sentUs - this.#roundTripUs) * ROUND_TRIP_WEIGHT;
    } else {
      this.#failureCount++;
      this.#failuresInARow++;
    }
    return reply;
  }

  #open(id: string, endMs: number): Window {
    let window = this.#windows.get(id);
    if (window === undefined) {
      const account = new BlockAccount(this.#context, endOf(endMs), this.#options.held.totalOf(id));
      window = { id, endMs, account, turn: Promise.resolve(), turnCount: 0, left: 0 };
      this.#windows.set(id, window);
    }
    return window;
  }

  /** One after the other. */
  #inTurn<T>(window: Window, act: () => Promise<T>): Promise<T> {
    const result = window.turn.then(act);
    window.turnCount++;
    this.#busy.add(window);
    window.turn = result
      .catch(() => {})
      .then(() => {
        if (--window.turnCount === 0) this.#busy.delete(window);
      });
    return result;
  }

  #tellTrouble(error: unknown): void {
    const nowUs = this.#options.clock.nowUs();
    if (nowUs - this.#troubleUs < TROUBLE_LOG_US) return;
    this.#troubleUs = nowUs;
    const why = error instanceof Error ? error.message : String(error);
    this.#options.log('error', `quotas over the cluster: ${why}`);
  }
}

/** In the words of the store. */
function endOf(endMs: number): number {
  return endMs >= NEVER_MS ? 0 : endMs;
}
