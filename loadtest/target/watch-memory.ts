// Follows the gateway's memory through a run.

import { readMemoryMib } from './read-memory.ts';
import type { Target } from './target.ts';

export interface MemorySample {
  /** performance.now() */
  readonly atMs: number;
  readonly mib: number;
}

export interface MemoryWatch {
  readonly samples: readonly MemorySample[];
  stop(): void;
}

const INTERVAL_MS_MAX = 1_000;
const INTERVAL_MS_MIN = 100;
// Some for every third of a run, however short.
const SAMPLE_COUNT_WANTED = 40;

/**
 * Takes a sample now, and one a second; more in a short run. None where the target does not say its memory.
 * @param durationMs  of the run
 */
export function watchMemory(target: Target, durationMs: number): MemoryWatch {
  const intervalMs = Math.min(INTERVAL_MS_MAX, Math.max(INTERVAL_MS_MIN, durationMs / SAMPLE_COUNT_WANTED));
  const samples: MemorySample[] = [];
  let isReading = false;
  const read = async (): Promise<void> => {
    // A gateway that answers late is not asked twice at once.
    if (isReading) return;
    isReading = true;
    const mib = await readMemoryMib(target);
    isReading = false;
    if (mib !== undefined) samples.push({ atMs: performance.now(), mib });
  };
  void read();
  const timer = setInterval(() => void read(), intervalMs);
  return { samples, stop: () => clearInterval(timer) };
}

/** The middle sample within a span; undefined when there is none. */
export function medianMib(samples: readonly MemorySample[], fromMs: number, toMs: number): number | undefined {
  const within = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ mib }) => mib);
  return within.sort((a, b) => a - b)[Math.floor(within.length / 2)];
}
