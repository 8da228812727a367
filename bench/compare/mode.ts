// What the modes of the comparison have in common.

import type { Ratio } from './ratio.ts';

export interface ModeOptions {
  readonly rounds: number;
  /** Of load, measured, per round and contender. */
  readonly seconds: number;
  readonly connections: number;
  /** Names of contenders; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** Hardly any warm-up: does it run? */
  readonly isSmoke: boolean;
  /** For progress, one line each. */
  readonly tell: (line: string) => void;
}

export interface ModeReport {
  /** Markdown, with a line above that says how it was measured. */
  readonly text: string;
  /** The figures of every round, by contender. */
  readonly rounds: Readonly<Record<string, readonly object[]>>;
  readonly ratios: Readonly<Record<string, Ratio>>;
}
