// A delta on its way to Redis: in parts that a script takes well under 2 ms for, since limits over instances wait behind it.

import { USAGE_ROW_WORDS } from '../../../../shm/usage-table.ts';
import { namesOf, type UsageDelta } from '../usage-delta.ts';
import { addFigures, type Figures, readFigures } from '../usage-figures.ts';

export interface UsagePacket {
  readonly instance: string;
  /** Of the delta. */
  readonly sequence: number;
  /** 0, 1, 2 … of the delta, always cut in the same places. */
  readonly part: number;
  /** Of the stream: lists of PacketRow as JSON. */
  readonly entries: readonly string[];
}

/** Figures end with the last that is not 0. */
export type PacketRow = readonly [minute: number, names: string, figures: readonly number[]];

// What `usage-add` takes some 0.8 ms for: four rows are added to for each.
export const ENTRY_ROWS = 16;
// Of 2.5 KB each: 0.2 ms.
const PART_ENTRIES = 48;

/** Rows in the order of their names, so that entries of one place in many deltas hold the same ones, and are added up together. */
export function packetsOf(delta: UsageDelta): readonly UsagePacket[] {
  const { instance, sequence } = delta;
  const rows = rowsOf(delta);
  const packets: UsagePacket[] = [];
  for (let at = 0; at < rows.length; at += ENTRY_ROWS * PART_ENTRIES) {
    const entries: string[] = [];
    for (const row of chunks(rows.slice(at, at + ENTRY_ROWS * PART_ENTRIES))) entries.push(JSON.stringify(row));
    packets.push({ instance, sequence, part: packets.length, entries });
  }
  return packets;
}

/** Those of all workers in one. */
function rowsOf({ banks }: UsageDelta): readonly PacketRow[] {
  const sums = new Map<string, { readonly minute: number; readonly names: string; readonly figures: Figures }>();
  for (const bank of banks) {
    namesOf(bank).forEach((name, at) => {
      // Halves of a character, which are none in UTF-8, would not be read in Redis.
      const names = name.join('\n').replace(/\p{Surrogate}/gu, '\ufffd');
      const key = `${names}\n${bank.minute}`;
      const figures = readFigures(bank.rows, at * USAGE_ROW_WORDS);
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { minute: bank.minute, names, figures });
      else addFigures(sum.figures, figures);
    });
  }
  return [...sums.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, { minute, names, figures }]) => [minute, names, trimmed(figures)]);
}

function trimmed(figures: Figures): readonly number[] {
  return figures.slice(0, figures.findLastIndex((value) => value !== 0) + 1);
}

function* chunks(rows: readonly PacketRow[]): Generator<readonly PacketRow[]> {
  for (let at = 0; at < rows.length; at += ENTRY_ROWS) yield rows.slice(at, at + ENTRY_ROWS);
}
