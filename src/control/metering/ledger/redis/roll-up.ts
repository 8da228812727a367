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

export interface RollUp {
  /** That were rolled up, or were by somebody else meanwhile. */
  readonly entries: number;
  /** There were no more for this consumer, and there was the time for all of them. */
  readonly isAll: boolean;
  /** In the stream, before. */
  readonly streamEntries: number;
  readonly lagMs: number;
}

interface Entry {
  readonly id: string;
  readonly rows: readonly PacketRow[];
}

// What Redis reads in half a millisecond.
const TAKEN_AT_ONCE = 64;
// Rows that are in many deltas are added once for all of them: the more at once, the less there is to do. 5 MB.
const ENTRIES_AT_ONCE = 2_048;
// An instance comes back to what it took within half a second, or is gone. One that is late finds its entries acknowledged: that is work
// done twice, and counted once.
const ABANDONED_MS = 2_000;
// As many as an entry alone may have, so that the script takes a millisecond at the most.
const ROWS_AT_ONCE = ENTRY_ROWS;
// Without rows of their own, entries cost the script 3 µs each.
const ENTRIES_PER_SCRIPT = 64;
const MINUTE_SECONDS = 60;
const MINUTE_MAX = 2 ** 31;
const NAME_COUNT = 6;
// What no instance has deleted Redis deletes by itself, some days late.
const SPARE_SECONDS = 7 * 86_400;

export interface RollUpOptions {
  /** Of this process. */
  readonly consumer: string;
  readonly retention: UsageRetention;
  /** How long entries may wait for others with the same rows; not when there are many. */
  readonly gatherMs: number;
  /** Of performance.now(): what is left then is taken again. */
  readonly untilMs: number;
}

/**
 * One batch.
 * @returns undefined when Redis did not answer: what was taken stays, for this consumer or another one
 */
export async function rollUp(redis: LedgerRedis, options: RollUpOptions): Promise<RollUp | undefined> {
  const taken = await take(redis, options);
  if (taken === undefined) return undefined;
  const { streamEntries, lagMs } = taken;
  const entries = [...taken.entries.values()].sort((one, other) => (firstNames(one) < firstNames(other) ? -1 : 1));
  let added = 0;
  for (const group of groupsOf(entries)) {
    if (performance.now() > options.untilMs) break;
    if (!(await addEach(redis, group, options.retention))) return undefined;
    added += group.length;
  }
  return { entries: added, isAll: taken.isAll && added === entries.length, streamEntries, lagMs };
}

interface Taken extends Omit<RollUp, 'entries'> {
  /** By id: what one was given before may be given again. */
  readonly entries: ReadonlyMap<string, Entry>;
}

async function take(redis: LedgerRedis, { consumer, gatherMs }: RollUpOptions): Promise<Taken | undefined> {
  const entries = new Map<string, Entry>();
  let state = { streamEntries: 0, lagMs: 0 };
  let last = '0';
  for (let given = 0; given < ENTRIES_AT_ONCE; given += TAKEN_AT_ONCE) {
    const args = [ROLL_UP_GROUP, consumer, TAKEN_AT_ONCE, ABANDONED_MS, last, gatherMs, ENTRIES_AT_ONCE / 2];
    const reply = await redis.run(ledgerScripts.take, [ledgerKeys.deltas], args);
    if (!reply.ok) return undefined;
    const [taken, streamEntries, lagMs] = reply.value as [unknown[], number, number];
    if (given === 0) state = { streamEntries, lagMs };
    for (const entry of taken.map(entryOf)) {
      entries.set(entry.id, entry);
      last = entry.id;
    }
    if (taken.length < TAKEN_AT_ONCE) return { ...state, entries, isAll: true };
  }
  return { ...state, entries, isAll: false };
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

function firstNames({ rows }: Entry): string {
  return rows[0]?.[1] ?? '';
}
