// The history on disk: one JSON document per line, only ever appended to.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type HistoryEntry, parseHistoryEntry } from './history-entry.ts';

export interface History {
  /** In the order of the file. */
  readonly entries: readonly HistoryEntry[];
  /** Numbers of the lines that are none, from 1. */
  readonly brokenLines: readonly number[];
}

export class HistoryFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** What is broken is left out, and left in the file. */
  read(): History {
    const entries: HistoryEntry[] = [];
    const brokenLines: number[] = [];
    for (const [index, line] of this.#text().split('\n').entries()) {
      if (line.trim() === '') continue;
      const entry = parseHistoryEntry(line);
      if (entry === undefined) brokenLines.push(index + 1);
      else entries.push(entry);
    }
    return { entries, brokenLines };
  }

  append(entry: HistoryEntry): void {
    mkdirSync(dirname(this.#file), { recursive: true });
    // A line that was cut off must not swallow this one.
    const text = this.#text();
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    appendFileSync(this.#file, `${gap}${JSON.stringify(entry)}\n`);
  }

  #text(): string {
    return existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : '';
  }
}
