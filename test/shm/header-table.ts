// Reads the table in the comment at the top of a file of src/shm, so that tests can hold it against the constants.

import { readFileSync } from 'node:fs';

export interface HeaderRow {
  /** '64 + 384·w + 0' */
  readonly offset: string;
  /** u32, or '-' */
  readonly type: string;
  /** 'pins[64]' */
  readonly field: string;
  readonly rest: string;
}

/** @param file  'arena.ts' */
export function headerTable(file: string): readonly HeaderRow[] {
  const text = readFileSync(new URL(`../../../src/shm/${file}`, import.meta.url), 'utf8');
  const header = /^(?:\/\/.*\n)+/.exec(text)?.[0] ?? '';
  const lines = header.split('\n');
  const from = lines.findIndex((line) => /^\/\/ {3}-{10,}$/.test(line));
  const rows = lines.slice(from + 1, lines.indexOf('//', from));
  return rows.map((line) => {
    const match = /^\/\/ {3}(.*?) {1,}(u32|i32|-) +(\S+) *(.*)$/.exec(line);
    if (match === null) throw new Error(`no row: ${line}`);
    const [, offset = '', type = '', field = '', rest = ''] = match;
    return { offset: offset.trim(), type, field, rest };
  });
}

/** The last number of an offset: '64 + 384·w + 128' → 128. */
export function lastNumber(offset: string): number {
  return Number(/(\d+)$/.exec(offset)?.[1]);
}

/** 16,384 → 16384; 0x51C1CE01 → 1371655681 */
export function numberIn(text: string, pattern: RegExp): number {
  return Number((pattern.exec(text)?.[1] ?? 'none').replaceAll(',', ''));
}
