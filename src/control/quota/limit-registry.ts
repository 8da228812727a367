// Which entry of the shared limit table belongs to which limit, over reloads. Main thread only.
//
// A snapshot's limits are resolved before it is published (new limits get a record at once, since nobody can use them yet;
// running ones feel nothing), and committed when its epoch is raised (changed limits change). An entry is freed when no
// snapshot refers to it and the sweeper found it at rest.

import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { LimitIndex } from '../../base/ids.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { firstRecord, nextRecord } from '../../gateway/limiter/plan-record.ts';
import { limitRangeIssue } from '../../gateway/limiter/resolution.ts';
import { firstWindowRecord, nextWindowRecord, windowRangeIssue } from '../../gateway/limiter/window-record.ts';
import { startState } from '../../gateway/limiter/window-state.ts';
import type { LimitDefinition } from '../../gateway/snapshot.ts';
import { Algorithm, type LimitRecord, type LimitTable } from '../../shm/limit-table.ts';

/** A change comes into force so much after it is written, so that no thread can meet it late: see limit-table.ts. */
export const SWITCH_LEAD_US = 50_000;

// The overflow words of two generations alternate: a thread that uses the last one has ended its turn by then, or its
// heart is so late that the process ends.
export const GENERATION_US_MIN = 10_000_000;

// A change takes the main thread 1 µs when it is compiled, and up to 40 before. What 2 ms do not hold, the sweeper's next
// slices do.
const SETTLE_US_MAX = 2_000;

/** A limit as it runs: what another process needs to go on with it. */
export interface RunningLimit {
  readonly idLow: number;
  readonly idHigh: number;
  readonly tokensPerSecond: number;
  readonly burst: number;
  readonly record: LimitRecord;
}

interface Entry {
  readonly index: LimitIndex;
  readonly idLow: number;
  readonly idHigh: number;
  name: string;
  record: LimitRecord;
  tokensPerSecond: number;
  burst: number;
  /** Snapshots that were resolved to this entry and not released. */
  references: number;
  /** Number of the last resolve() that met it. */
  resolveNumber: number;
  resolved: LimitDefinition;
  /** What it is to become, or to stay. */
  wanted: LimitDefinition;
  isPending: boolean;
  /** Of its second or a later generation. */
  generationStartUs: number;
}

export class LimitRegistry {
  readonly #table: LimitTable;
  readonly #clock: Clock;
  readonly #wallMs: () => number;
  readonly #entries: (Entry | undefined)[];
  readonly #byId = new Map<number, Entry>();
  readonly #freeIndexes: number[] = [];
  /** Entries from here on were never used. */
  #unusedFrom = 0;
  #resolveNumber = 0;
  /** Entries that the last resolve() found changed. */
  #changed: Entry[] = [];
  #pending: Entry[] = [];
  #lateChangeCount = 0;
  #isFrozen = false;

  /** @param wallMs  milliseconds since 1970: fixed windows begin where the calendar's do */
  constructor(table: LimitTable, clock: Clock, wallMs: () => number = Date.now) {
    this.#table = table;
    this.#clock = clock;
    this.#wallMs = wallMs;
    this.#entries = new Array<Entry | undefined>(table.limitCount).fill(undefined);
  }

  /** Changes that other threads may have met late, because this thread was stopped for longer than the lead. */
  get lateChangeCount(): number {
    return this.#lateChangeCount;
  }

  /** Changes that wait for the one before to come into force. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  get limitCount(): number {
    return this.#byId.size;
  }

  /** Decisions taken in overflow words since the limits were made, modulo 2³² each. */
  overflowCount(): number {
    let count = 0;
    for (const entry of this.#byId.values()) count += this.#table.overflowCount(entry.index);
    return count;
  }

  /** Refusals because other threads were in the way. */
  busyCount(): number {
    let count = 0;
    for (const entry of this.#byId.values()) count += this.#table.busyCount(entry.index);
    return count;
  }

  /** When the newest record of a limit comes, or came, into force: µs of the monotonic clock. */
  startUsOf(index: LimitIndex): number | undefined {
    return this.#entries[index]?.record.t0Us;
  }

  nameOf(index: LimitIndex): string | undefined {
    return this.#entries[index]?.name;
  }

  /**
   * Find or make the entries of a snapshot's limits. Running limits feel nothing of it. Every successful call is
   * followed by one release(), when no worker uses the snapshot any more or it was given up.
   * @returns indexes in the order of the definitions; or why not, and then nothing has changed
   */
  resolve(definitions: readonly LimitDefinition[]): Result<Int32Array, string> {
    const number = ++this.#resolveNumber;
    const fresh = new Map<number, LimitDefinition>();
    const entries: (Entry | undefined)[] = [];
    for (const definition of definitions) {
      const key = idKey(definition);
      const entry = this.#byId.get(key);
      const issue =
        rangeIssue(definition) ??
        (entry === undefined ? checkFresh(definition, key, fresh) : checkKnown(definition, entry, number));
      if (issue !== undefined) return err(`limit ${definition.name}: ${issue}`);
      entries.push(entry);
    }
    const room = this.#freeIndexes.length + this.#table.limitCount - this.#unusedFrom;
    if (fresh.size > room) {
      return err(`${fresh.size} new limits are too many: ${room} of ${this.#table.limitCount} entries are free`);
    }
    this.#changed = [];
    const indexes = new Int32Array(definitions.length);
    const t0Us = Math.floor(this.#clock.nowUs());
    for (let place = 0; place < definitions.length; place++) {
      const definition = definitions[place] as LimitDefinition;
      const entry = entries[place] ?? this.#add(definition, t0Us);
      entry.references++;
      entry.resolveNumber = number;
      entry.resolved = definition;
      entry.name = definition.name;
      if (!isSame(definition, entry.wanted)) this.#changed.push(entry);
      indexes[place] = entry.index;
    }
    return ok(indexes);
  }

  /** The snapshot resolved last is the one that requests meet from now on: its changes come into force, shortly. */
  commit(): void {
    for (const entry of this.#changed) {
      entry.wanted = entry.resolved;
      if (entry.isPending) continue;
      entry.isPending = true;
      this.#pending.push(entry);
    }
    this.#changed = [];
    this.settle();
  }

  /** Nobody uses this snapshot any more. @param indexes  what resolve() returned for it */
  release(indexes: Int32Array): void {
    for (const index of indexes) {
      const entry = this.#entries[index];
      assert(entry !== undefined && entry.references > 0, 'a limit is released once per snapshot that has it');
      entry.references--;
    }
  }

  // What follows is the sweeper's.

  /** Apply the changes that are due, as many as fit in SETTLE_US_MAX. */
  settle(): void {
    if (this.#pending.length === 0 || this.#isFrozen) return;
    const endUs = this.#clock.nowUs() + SETTLE_US_MAX;
    const waiting: Entry[] = [];
    let isOver = false;
    for (const entry of this.#pending) {
      if (!isOver && this.#apply(entry)) {
        entry.isPending = false;
        isOver = this.#clock.nowUs() >= endUs;
      } else {
        waiting.push(entry);
      }
    }
    this.#pending = waiting;
  }

  /** Continue a limit in a new record, so that its elapsed time stays small enough for exact doubles. */
  renew(index: LimitIndex): void {
    const entry = this.#entries[index];
    if (entry === undefined || this.#isFrozen || this.#clock.nowUs() < entry.record.t0Us) return;
    this.#write(entry, entry.tokensPerSecond, entry.burst);
  }

  isReferred(index: LimitIndex): boolean {
    return (this.#entries[index]?.references ?? 0) > 0;
  }

  /** Changes whenever resolve() meets the limit. */
  resolveNumberOf(index: LimitIndex): number {
    return this.#entries[index]?.resolveNumber ?? 0;
  }

  /** No snapshot, slot or debt of this limit is left. */
  retire(index: LimitIndex): void {
    const entry = this.#entries[index];
    assert(entry !== undefined && entry.references === 0, 'a retired limit is in no snapshot');
    this.#byId.delete(idKey(entry));
    this.#entries[index] = undefined;
    this.#pending = this.#pending.filter((other) => other !== entry);
    this.#changed = this.#changed.filter((other) => other !== entry);
    this.#table.vacate(index);
    this.#freeIndexes.push(index);
  }

  // What follows is the hand-over's (control/takeover).

  /** From now on no record changes; what is committed meanwhile waits for thaw(). */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
  }

  /** When the last record that was written comes into force, µs. */
  newestStartUs(): number {
    let newest = 0;
    for (const { record } of this.#byId.values()) newest = Math.max(newest, record.t0Us);
    return newest;
  }

  indexOf(idLow: number, idHigh: number): LimitIndex | undefined {
    const entry = this.#byId.get(idKey({ idLow, idHigh }));
    return entry?.idHigh === (idHigh | 0) ? entry.index : undefined;
  }

  runningLimit(index: LimitIndex): RunningLimit | undefined {
    return this.#entries[index];
  }

  /**
   * Go on with a limit as another process had it, before any request: its virtual time, its units. Where this
   * process's configuration wants another rate or burst, that follows as a reload's does.
   * @param overflowTat  its overflow word
   * @returns its entry here, or undefined when no snapshot here has this limit
   */
  adopt(limit: RunningLimit, overflowTat: number): LimitIndex | undefined {
    const index = this.indexOf(limit.idLow, limit.idHigh);
    const entry = index === undefined ? undefined : this.#entries[index];
    if (entry === undefined) return undefined;
    // In force already: there is no record before it that a reading could need.
    const record = { ...limit.record, follows: false };
    this.#table.startOverflow(entry.index, record.generation, overflowTat);
    this.#table.writeRecord(entry.index, record);
    entry.record = record;
    entry.tokensPerSecond = limit.tokensPerSecond;
    entry.burst = limit.burst;
    if (!isSame(entry.wanted, entry) && !entry.isPending) {
      entry.isPending = true;
      this.#pending.push(entry);
    }
    return entry.index;
  }

  /**
   * Another process has admitted requests that these slots do not know of: every key owes its whole burst, at least.
   * Only while no worker charges: the overflow words of two generations may follow each other at once.
   * @returns when that is in force, µs
   */
  forgetLevels(): number {
    const t0Us = Math.ceil(this.#clock.nowUs()) + SWITCH_LEAD_US;
    for (const entry of this.#byId.values()) {
      const record = recordAfter(entry.record, entry.tokensPerSecond, entry.burst, t0Us, true);
      entry.generationStartUs = t0Us;
      this.#table.startOverflow(entry.index, record.generation, startTat(record));
      this.#table.writeRecord(entry.index, record);
      entry.record = record;
    }
    return t0Us;
  }

  #add(definition: LimitDefinition, t0Us: number): Entry {
    const index = (this.#freeIndexes.pop() ?? this.#unusedFrom++) as LimitIndex;
    // Another generation than any slot that this entry's last owner may have had.
    const generation = (this.#table.generationOf(index) + 1) & 0xffff;
    const { window, tokensPerSecond, burst } = definition;
    const record =
      window === undefined
        ? firstRecord(tokensPerSecond, burst, t0Us, generation)
        : firstWindowRecord(window, burst, t0Us, this.#wallMs() * 1_000, generation);
    const entry: Entry = {
      index,
      idLow: definition.idLow | 0,
      idHigh: definition.idHigh | 0,
      name: definition.name,
      record,
      tokensPerSecond,
      burst,
      references: 0,
      resolveNumber: 0,
      resolved: definition,
      wanted: definition,
      isPending: false,
      generationStartUs: Number.NEGATIVE_INFINITY,
    };
    this.#table.claim(index, entry.idLow, entry.idHigh);
    this.#table.startOverflow(index, generation, startTat(record));
    this.#table.writeRecord(index, record);
    this.#entries[index] = entry;
    this.#byId.set(idKey(definition), entry);
    return entry;
  }

  /** @returns whether nothing is left to do */
  #apply(entry: Entry): boolean {
    const { tokensPerSecond, burst } = entry.wanted;
    if (tokensPerSecond === entry.tokensPerSecond && burst === entry.burst) return true;
    // Every reading needs one of the two newest records.
    if (this.#clock.nowUs() < entry.record.t0Us) return false;
    return this.#write(entry, tokensPerSecond, burst);
  }

  #write(entry: Entry, tokensPerSecond: number, burst: number): boolean {
    const t0Us = Math.ceil(this.#clock.nowUs()) + SWITCH_LEAD_US;
    const record = recordAfter(entry.record, tokensPerSecond, burst, t0Us, false);
    if (record.generation !== entry.record.generation) {
      if (t0Us < entry.generationStartUs + GENERATION_US_MIN) return false;
      entry.generationStartUs = t0Us;
      this.#table.startOverflow(entry.index, record.generation, startTat(record));
    }
    this.#table.writeRecord(entry.index, record);
    if (this.#clock.nowUs() >= t0Us) this.#lateChangeCount++;
    entry.record = record;
    entry.tokensPerSecond = tokensPerSecond;
    entry.burst = burst;
    return true;
  }
}

function rangeIssue({ tokensPerSecond, burst, window }: LimitDefinition): string | undefined {
  return window === undefined ? limitRangeIssue(tokensPerSecond, burst) : windowRangeIssue(window, burst);
}

function recordAfter(
  record: LimitRecord,
  tokensPerSecond: number,
  burst: number,
  t0Us: number,
  forgets: boolean,
): LimitRecord {
  return record.algorithm === Algorithm.GCRA
    ? nextRecord(record, tokensPerSecond, burst, t0Us, forgets)
    : nextWindowRecord(record, burst, t0Us, forgets);
}

/** What a key owes at first, as its slot would say it. */
function startTat(record: LimitRecord): number {
  return record.algorithm === Algorithm.GCRA ? (record.v0 + record.startDebtUnits) | 0 : startState(record);
}

function checkFresh(definition: LimitDefinition, key: number, fresh: Map<number, LimitDefinition>): string | undefined {
  const twin = fresh.get(key);
  if (twin !== undefined) return `has the identity of ${twin.name}; rename one`;
  fresh.set(key, definition);
  return undefined;
}

function checkKnown(definition: LimitDefinition, entry: Entry, resolveNumber: number): string | undefined {
  const isSameId = entry.idHigh === (definition.idHigh | 0);
  if (!isSameId || entry.resolveNumber === resolveNumber) return `has the identity of ${entry.name}; rename one`;
  // Marked at once, to find a second one. A failed resolve() leaves only this number behind.
  entry.resolveNumber = resolveNumber;
  return undefined;
}

/** 53 bits of the identity, which a Map takes as a number; the rest is compared apart. */
function idKey(id: { readonly idLow: number; readonly idHigh: number }): number {
  return (id.idHigh & 0x1f_ffff) * 2 ** 32 + (id.idLow >>> 0);
}

function isSame(a: LimitDefinition, b: LimitDefinition): boolean {
  return a.tokensPerSecond === b.tokensPerSecond && a.burst === b.burst;
}
