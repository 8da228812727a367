// Instances that share quotas, on a virtual clock: a network that delays, loses and cuts, disks that take their time, processes that
// crash, start again and take over, a store that forgets all or some. The same seed gives the same run. The store is
// block-record.ts, the instances are block-counters.ts; only the network, the disk and the demand are made up.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { err, ok, type Result } from '../../../../src/base/result.ts';
import { BlockCounters } from '../../../../src/control/quota/blocks/block-counters.ts';
import {
  answerBlock,
  type BlockRecord,
  type BlockReply,
  type BlockRequest,
  REBUILD_US,
} from '../../../../src/control/quota/blocks/block-record.ts';
import type { BlockStore } from '../../../../src/control/quota/blocks/block-store.ts';
import { NEVER_MS } from '../../../../src/control/quota/calendar-window.ts';
import { type HeldTotal, type HeldTotals, SEAT_COUNT } from '../../../../src/control/quota/durable/held-store.ts';
import { markerAt, type StoreMarker } from '../../../../src/control/quota/store-marker.ts';
import type { StoreError } from '../../../../src/control/redis/store-error.ts';

const STEP_MS = 10;
const TIMEOUT_MS = 50;
const REBUILD_MS = REBUILD_US / 1_000;
const KEYS = ['plan:a\nalice', 'plan:a\nbob'];
const DOWN: StoreError = { kind: 'down', message: 'cut' };
const LATE: StoreError = { kind: 'timeout', message: 'late' };

export interface BlockScenario {
  readonly seed: number;
  readonly random: () => number;
  readonly limit: number;
  readonly seconds: number;
  readonly instanceCount: number;
  /** Per instance and step: requests of each key, up to so many. */
  readonly demand: number;
  /** Part of all messages that are lost, or late; of steps in which a process crashes, is replaced, is cut off. */
  readonly loss: number;
  readonly crash: number;
  readonly cut: number;
  /** Of steps in which the store forgets all, or its last second. */
  readonly flush: number;
  /** How long a crashed instance is away, ms at most. Where that is longer than the store waits, what it had may be forgotten. */
  readonly downMsMax: number;
  /** Nothing happens any more in the last so many seconds. */
  readonly calmSeconds: number;
}

export interface BlockOutcome {
  /** By key: requests that were admitted. */
  readonly spent: readonly number[];
  /** By key: what instances had had that were away while the store lost its data. */
  readonly forgotten: readonly number[];
  readonly flushes: number;
  readonly crashes: number;
}

/** Things that happen later, in order of time; those of one time in the order that they were planned. */
class Agenda {
  nowMs = 10_000;
  #items: { atMs: number; act: () => void }[] = [];

  at(atMs: number, act: () => void): void {
    this.#items.push({ atMs, act });
  }

  async to(ms: number): Promise<void> {
    this.nowMs = ms;
    const due = this.#items.filter(({ atMs }) => atMs <= ms).sort((a, b) => a.atMs - b.atMs);
    this.#items = this.#items.filter(({ atMs }) => atMs > ms);
    for (const { act } of due) act();
    await nextTurn();
  }
}

class Server {
  #records = new Map<string, BlockRecord>();
  #marker: StoreMarker | undefined;
  #holdUntilUs = 0;
  #serverId = 1;
  #older: ReadonlyMap<string, BlockRecord> = new Map();
  #old: ReadonlyMap<string, BlockRecord> = new Map();

  ask(id: string, request: BlockRequest, nowUs: number): BlockReply {
    this.marker(nowUs);
    const voucher = { ...(this.#marker as StoreMarker), holdUntilUs: this.#holdUntilUs };
    const { reply, record, holdUntilUs } = answerBlock(this.#records.get(id), voucher, request, nowUs);
    this.#records.set(id, record);
    this.#holdUntilUs = holdUntilUs;
    return reply;
  }

  marker(nowUs: number): string {
    this.#marker = markerAt(this.#marker, `${this.#serverId}`, nowUs);
    return `${this.#marker.serverId}:${this.#marker.bornUs}`;
  }

  flush(): void {
    this.#records = new Map();
    this.#marker = undefined;
    this.#holdUntilUs = 0;
  }

  /** Another server, with what there was one to two seconds ago. */
  failOver(): void {
    this.#records = structuredClone(this.#older) as Map<string, BlockRecord>;
    this.#serverId++;
  }

  /** Once a second. */
  note(): void {
    this.#older = this.#old;
    this.#old = structuredClone(this.#records);
  }
}

/** An instance's data folder. */
class Disk {
  life = 0;
  marker = '';
  readonly totals = new Map<string, number>();

  totalOf(key: number): number {
    const ending = `\n${KEYS[key]}`;
    return [...this.totals].reduce((sum, [name, total]) => sum + (name.endsWith(ending) ? total : 0), 0);
  }
}

class Held implements HeldTotals {
  readonly holder: string;
  readonly firstSequence: number;
  isDead = false;
  readonly #disk: Disk;
  readonly #name: string;
  readonly #seat: number;
  readonly #agenda: Agenda;
  readonly #random: () => number;

  constructor(disk: Disk, name: string, agenda: Agenda, random: () => number) {
    this.#disk = disk;
    this.#name = name;
    this.#agenda = agenda;
    this.#random = random;
    disk.life++;
    this.#seat = disk.life % SEAT_COUNT;
    this.holder = `${name}${this.#seat}`;
    this.firstSequence = disk.life * 2 ** 32;
  }

  get marker(): string {
    return this.#disk.marker;
  }

  totalOf(id: string): number {
    return this.#disk.totals.get(`${this.#seat}\n${id}`) ?? 0;
  }

  add(id: string, tokens: number): Promise<number> {
    return new Promise((resolve) => {
      this.#agenda.at(this.#agenda.nowMs + this.#random() * 30, () => {
        // Killed before it was written, or after, but before it knew.
        if (this.isDead && this.#random() < 0.5) return;
        const total = Math.max(0, this.totalOf(id) + tokens);
        this.#disk.totals.set(`${this.#seat}\n${id}`, total);
        resolve(total);
      });
    });
  }

  list(after: string, count: number): readonly HeldTotal[] {
    const keys = [...this.#disk.totals.keys()].sort().filter((key) => key > after);
    return keys.slice(0, count).map((key) => {
      const [seat = '', ...id] = key.split('\n');
      const total = this.#disk.totals.get(key) ?? 0;
      return { id: id.join('\n'), holder: `${this.#name}${seat}`, total, endMs: NEVER_MS, key };
    });
  }

  async settle(marker: string): Promise<void> {
    if (!this.isDead) this.#disk.marker = marker;
  }

  async prune(): Promise<void> {}

  async close(): Promise<void> {}
}

/** A connection: what goes out in order comes in order, or late, or never. */
class Link implements BlockStore {
  cutUntilMs = 0;
  isDead = false;
  readonly #server: Server;
  readonly #agenda: Agenda;
  readonly #random: () => number;
  readonly #loss: () => number;
  #arrivedMs = 0;
  #repliedMs = 0;

  constructor(server: Server, agenda: Agenda, random: () => number, loss: () => number) {
    this.#server = server;
    this.#agenda = agenda;
    this.#random = random;
    this.#loss = loss;
  }

  get isUp(): boolean {
    return !this.isDead && this.#agenda.nowMs >= this.cutUntilMs;
  }

  ask(id: string, request: BlockRequest): Promise<Result<BlockReply, StoreError>> {
    return this.#call((nowUs) => this.#server.ask(id, request, nowUs));
  }

  marker(): Promise<Result<string, StoreError>> {
    return this.#call((nowUs) => this.#server.marker(nowUs));
  }

  close(): void {}

  #call<T>(act: (nowUs: number) => T): Promise<Result<T, StoreError>> {
    if (!this.isUp) return Promise.resolve(err(DOWN));
    const agenda = this.#agenda;
    const random = this.#random;
    return new Promise((resolve) => {
      const loss = this.#loss();
      const delay = () => (random() < loss ? 20 + random() * 100 : random() * 4);
      const isUnheard = random() < loss;
      const isLost = random() < loss;
      agenda.at(agenda.nowMs + TIMEOUT_MS, () => resolve(err(LATE)));
      if (isUnheard) return;
      this.#arrivedMs = Math.max(this.#arrivedMs, agenda.nowMs + delay());
      agenda.at(this.#arrivedMs, () => {
        const value = act(agenda.nowMs * 1_000);
        if (isLost || !this.isUp) return;
        this.#repliedMs = Math.max(this.#repliedMs, agenda.nowMs + delay());
        agenda.at(this.#repliedMs, () => resolve(ok(value)));
      });
    });
  }
}

/** A process: what it holds of each key, and how it asks for more. */
class Life {
  readonly counters: BlockCounters;
  readonly link: Link;
  readonly #held: Held;
  readonly #limit: number;
  readonly #tokens = KEYS.map(() => 0);
  readonly #isAsking = KEYS.map(() => false);
  readonly #usedMs = KEYS.map(() => 0);
  #isDead = false;

  constructor(link: Link, held: Held, agenda: Agenda, limit: number) {
    this.link = link;
    this.#held = held;
    this.#limit = limit;
    this.counters = new BlockCounters({
      store: link,
      held,
      clock: { nowUs: () => agenda.nowMs * 1_000 },
      log: () => {},
    });
  }

  /** @returns requests that were admitted */
  meet(key: number, count: number, nowMs: number): number {
    const admitted = Math.min(count, this.#tokens[key] as number);
    this.#tokens[key] = (this.#tokens[key] as number) - admitted;
    if (count > 0) this.#usedMs[key] = nowMs;
    if (admitted < count) this.#ask(key, count);
    return admitted;
  }

  tick(nowMs: number): void {
    this.counters.tick(nowMs);
    const idle = KEYS.map((_, key) => key).filter((key) => nowMs > (this.#usedMs[key] as number) + 2_000);
    void this.#giveBack(idle);
  }

  async leave(): Promise<void> {
    await this.#giveBack(KEYS.map((_, key) => key));
    this.kill();
  }

  kill(): void {
    this.#isDead = true;
    this.#held.isDead = true;
    this.link.isDead = true;
    this.#tokens.fill(0);
  }

  #ask(key: number, count: number): void {
    if (this.#isAsking[key] || this.#isDead) return;
    this.#isAsking[key] = true;
    const window = { id: KEYS[key] as string, max: this.#limit, endMs: NEVER_MS };
    void this.counters.take(window, count * 4).then((taken) => {
      this.#isAsking[key] = false;
      if (this.#isDead || typeof taken === 'string') return;
      this.#tokens[key] = (this.#tokens[key] as number) + taken.granted;
    });
  }

  #giveBack(keys: readonly number[]): Promise<void> {
    const blocks = keys.map((key) => ({ id: KEYS[key] as string, count: this.#tokens[key] as number }));
    for (const key of keys) this.#tokens[key] = 0;
    const full = blocks.filter(({ count }) => count > 0);
    return full.length === 0 ? Promise.resolve() : this.counters.giveBack(full);
  }
}

export async function simulateBlocks(scenario: BlockScenario): Promise<BlockOutcome> {
  const { random, limit, instanceCount } = scenario;
  const agenda = new Agenda();
  const server = new Server();
  const spent = KEYS.map(() => 0);
  const forgotten = KEYS.map(() => 0);
  const endMs = agenda.nowMs + scenario.seconds * 1_000;
  const isCalm = () => agenda.nowMs > endMs - scenario.calmSeconds * 1_000;
  const loss = () => (isCalm() ? 0 : scenario.loss);
  let flushes = 0;
  let crashes = 0;
  let flushedMs = Number.NEGATIVE_INFINITY;
  const places = Array.from({ length: instanceCount }, (_, index) => ({
    name: `i${index}`,
    disk: new Disk(),
    lives: [] as Life[],
    startMs: 0,
    crashedMs: 0,
  }));
  const begin = (place: (typeof places)[number]): void => {
    const held = new Held(place.disk, place.name, agenda, random);
    place.lives.push(new Life(new Link(server, agenda, random, loss), held, agenda, limit));
  };
  for (let ms = agenda.nowMs; ms < endMs; ms += STEP_MS) {
    await agenda.to(ms);
    if (ms % 1_000 === 0) server.note();
    if (!isCalm() && random() < scenario.flush) {
      flushes++;
      flushedMs = ms;
      if (random() < 0.5) server.flush();
      else server.failOver();
      // Whoever is away comes in time to say what it had.
      for (const place of places.filter(({ lives }) => lives.length === 0)) {
        if (scenario.downMsMax < REBUILD_MS) place.startMs = Math.min(place.startMs, ms + 500);
        else for (const key of KEYS.keys()) forgotten[key] = (forgotten[key] as number) + place.disk.totalOf(key);
      }
    }
    const isRebuilding = ms < flushedMs + REBUILD_MS;
    for (const place of places) {
      if (place.lives.length === 0 && ms >= place.startMs) begin(place);
      for (const life of place.lives) {
        if (!isCalm() && !isRebuilding && random() < scenario.cut) life.link.cutUntilMs = ms + random() * 1_000;
        if (ms % 100 === 0) life.tick(ms);
        for (const key of KEYS.keys()) {
          const count = Math.floor(random() * (scenario.demand + 1));
          spent[key] = (spent[key] as number) + life.meet(key, count, ms);
        }
      }
      const [oldest] = place.lives;
      if (oldest === undefined || isCalm() || random() >= scenario.crash) continue;
      // While the store waits for what all have had, nobody is away for long, or twice.
      if (isRebuilding && place.crashedMs >= flushedMs) continue;
      place.crashedMs = ms;
      crashes++;
      if (random() < 0.3 && place.lives.length < 3) {
        // A take-over: both serve for a while.
        begin(place);
        agenda.at(ms + random() * 2_000, () => {
          void oldest.leave();
          place.lives = place.lives.filter((life) => life !== oldest);
        });
        continue;
      }
      oldest.kill();
      place.lives.shift();
      place.startMs = ms + random() * (isRebuilding ? 200 : scenario.downMsMax);
    }
  }
  return { spent, forgotten, flushes, crashes };
}
