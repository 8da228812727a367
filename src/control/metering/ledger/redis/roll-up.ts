// Takes entries from the stream of deltas, and adds their rows to minute, hour, day and month. An entry counts once, however often it
// is delivered, and whoever dies: acknowledging it and adding its rows are one script (`usage-add`).

import type { Result } from '../../../../base/result.ts';
import type { UsageRetention } from '../../../config/config.ts';
import type { StoreError } from '../../../redis/store-error.ts';
import { nextStep, RESOLUTIONS, type Resolution, stepStart } from '../calendar.ts';
import { addFigures, FIGURE_COUNT, type Figures, noFigures } from '../usage-figures.ts';
import { ledgerKeys } from './ledger-keys.ts';
import type { LedgerRedis } from './ledger-redis.ts';
import { ledgerScripts } from './ledger-scripts.ts';
import { ENTRY_ROWS, type PacketRow } from './usage-packet.ts';

export const ROLL_UP_GROUP = 'roll-up';

interface Entry {
  readonly id: string;
  readonly rows: readonly PacketRow[];
}

// What Redis reads in half a millisecond.
const TAKEN_AT_ONCE = 64;
// Rows that are in many deltas are added once for all of them: the more at once, the less there is to do. 5 MB.
const ENTRIES_AT_ONCE = 2_048;
// An instance that has a backlog is done with what it took in some seconds. One that is late finds its entries acknowledged: that is work
// done twice, and counted once.
const ABANDONED_MS = 10_000;
// As many as an entry alone may have, so that the script takes a millisecond at the most.
const ROWS_AT_ONCE = ENTRY_ROWS;
// Without rows of their own, entries cost the script 3 µs each.
const ENTRIES_PER_SCRIPT = 64;
const MINUTE_SECONDS = 60;
const MINUTE_MAX = 2 ** 31;
const NAME_COUNT = 6;
// What no instance has deleted Redis deletes by itself, some days late.
const SPARE_SECONDS = 7 * 86_400;

export class RollUp {
  readonly #redis: LedgerRedis;
  readonly #consumer: string;
  readonly #gatherMs: number;
  /** Taken, and not added up yet. Other consumers may take them over, if this goes on for long: they count once. */
  #groups: (readonly Entry[])[] = [];
  /** The last time that was all there is. */
  #isAll = true;
  #streamEntries = 0;
  #lagMs = 0;

  /**
   * @param consumer  of this process
   * @param gatherMs  how long entries may wait for others with the same rows; not when there are many
   */
  constructor(redis: LedgerRedis, consumer: string, gatherMs: number) {
    this.#redis = redis;
    this.#consumer = consumer;
    this.#gatherMs = gatherMs;
  }

  /** Entries in the stream, of all instances, when some were last taken; without those that were added up since. */
  get streamEntries(): number {
    return this.#streamEntries;
  }

  /** The age of the oldest then, in milliseconds. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * Add up some entries.
   * @returns whether there are more for this consumer; false also when Redis does not answer: then they wait, for this one or another
   */
  async run(retention: UsageRetention, sliceMs: number): Promise<boolean> {
    if (this.#groups.length === 0 && !(await this.#take())) return false;
    const untilMs = performance.now() + sliceMs;
    for (let group = this.#groups.pop(); group !== undefined; group = this.#groups.pop()) {
      if (!(await addEach(this.#redis, group, retention))) {
        this.#groups = [];
        return false;
      }
      this.#streamEntries = Math.max(0, this.#streamEntries - group.length);
      if (performance.now() > untilMs) return this.#groups.length > 0 || !this.#isAll;
    }
    return !this.#isAll;
  }

  /** @returns false when Redis does not answer */
  async #take(): Promise<boolean> {
    const entries = new Map<string, Entry>();
    let last = '0';
    this.#isAll = false;
    for (let given = 0; given < ENTRIES_AT_ONCE && !this.#isAll; given += TAKEN_AT_ONCE) {
      const terms = [TAKEN_AT_ONCE, ABANDONED_MS, last, this.#gatherMs, ENTRIES_AT_ONCE / 2];
      const args = [ROLL_UP_GROUP, this.#consumer, ...terms];
      const reply = await this.#redis.run(ledgerScripts.take, [ledgerKeys.deltas], args);
      if (!reply.ok) return false;
      const [taken, streamEntries, lagMs] = reply.value as [unknown[], number, number];
      if (given === 0) [this.#streamEntries, this.#lagMs] = [streamEntries, lagMs];
      for (const entry of taken.map(entryOf)) {
        // What one was given before may be given again.
        entries.set(entry.id, entry);
        last = entry.id;
      }
      this.#isAll = taken.length < TAKEN_AT_ONCE;
    }
    this.#groups = [...groupsOf([...entries.values()].sort(byNames))];
    return true;
  }
}

/** Entries that one script adds up: few rows, however many entries hold them. */
function* groupsOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  const keys = new Set<string>();
  for (const entry of entries) {
    const fresh = entry.rows.filter((row) => !keys.has(keyOf(row))).length;
    if (group.length === ENTRIES_PER_SCRIPT || (group.length > 0 && keys.size + fresh > ROWS_AT_ONCE)) {
      yield group;
      group = [];
      keys.clear();
    }
    group.push(entry);
    for (const row of entry.rows) keys.add(keyOf(row));
  }
  if (group.length > 0) yield group;
}

/** @returns false when Redis does not answer */
async function addEach(redis: LedgerRedis, group: readonly Entry[], retention: UsageRetention): Promise<boolean> {
  const added = await add(redis, group, retention);
  if (added.ok || added.error.kind !== 'script') return added.ok;
  // It found what somebody else wrote under the ledger's keys: the entry that meets it waits, and no other.
  for (const entry of group.length > 1 ? group : []) {
    if (!(await addEach(redis, [entry], retention))) return false;
  }
  return true;
}

async function add(
  redis: LedgerRedis,
  group: readonly Entry[],
  retention: UsageRetention,
): Promise<Result<unknown, StoreError>> {
  const hashes = new Map<string, { readonly place: number; readonly step: readonly [number, number, number] }>();
  const placeOf = (resolution: Resolution, minute: number): number => {
    const start = stepStart(resolution, minute);
    const key = ledgerKeys.rows(resolution, start);
    const known = hashes.get(key);
    if (known !== undefined) return known.place;
    const place = hashes.size + 1;
    const list = RESOLUTIONS.indexOf(resolution) + 1;
    hashes.set(key, { place, step: [list, start, expiryOf(resolution, start, retention)] });
    return place;
  };
  const sums = new Map<string, PacketRow>();
  for (const row of group.flatMap(({ rows }) => rows)) sums.set(keyOf(row), sumOf(sums.get(keyOf(row)), row));
  const rows = [...sums.values()].map(([minute, names, figures]) => [
    names,
    figures,
    RESOLUTIONS.map((resolution) => placeOf(resolution, minute)),
  ]);
  const keys = [ledgerKeys.deltas, ...RESOLUTIONS.map(ledgerKeys.steps), ...hashes.keys()];
  const ids = group.map(({ id }) => id);
  const batch = JSON.stringify({ ids, steps: [...hashes.values()].map(({ step }) => step), rows });
  // 0: another consumer was quicker with one of them. The rest is taken again.
  return redis.run(ledgerScripts.add, keys, [ROLL_UP_GROUP, batch]);
}

/** Seconds since 1970. */
function expiryOf(resolution: Resolution, start: number, retention: UsageRetention): number {
  const keptMs = retention[`${resolution}Ms`];
  return nextStep(resolution, start) * MINUTE_SECONDS + Math.ceil(keptMs / 1_000) + SPARE_SECONDS;
}

/** One that somebody else wrote has no rows: it is acknowledged, and gone. */
function entryOf(reply: unknown): Entry {
  const [id, fields] = reply as [string, readonly string[] | null];
  try {
    const rows: unknown = JSON.parse(fields?.[1] ?? '[]');
    return { id, rows: Array.isArray(rows) ? rows.filter(isRow) : [] };
  } catch {
    return { id, rows: [] };
  }
}

function isRow(row: unknown): row is PacketRow {
  if (!Array.isArray(row) || row.length !== 3) return false;
  const [minute, names, figures] = row as unknown[];
  if (!Number.isInteger(minute) || (minute as number) < 0 || (minute as number) > MINUTE_MAX) return false;
  if (typeof names !== 'string' || names.split('\n').length !== NAME_COUNT || !Array.isArray(figures)) return false;
  return figures.length > 0 && figures.length <= FIGURE_COUNT && figures.every((value) => Number.isSafeInteger(value));
}

function sumOf(sum: PacketRow | undefined, row: PacketRow): PacketRow {
  if (sum === undefined) return row;
  const figures: Figures = noFigures();
  addFigures(figures, sum[2]);
  addFigures(figures, row[2]);
  return [row[0], row[1], figures.slice(0, Math.max(sum[2].length, row[2].length))];
}

function keyOf([minute, names]: PacketRow): string {
  return `${names}\n${minute}`;
}

function byNames({ rows: [one] }: Entry, { rows: [other] }: Entry): number {
  return (one?.[1] ?? '') < (other?.[1] ?? '') ? -1 : 1;
}
