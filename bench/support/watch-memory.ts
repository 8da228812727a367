// The most that a process and its children hold at any time.

import { processUsage } from './process-usage.ts';

const INTERVAL_MS = 100;

/** @returns stops watching; the peak in MiB */
export function watchMemory(pid: number): () => number {
  let peakMib = processUsage(pid).residentMib;
  const look = (): void => {
    peakMib = Math.max(peakMib, processUsage(pid).residentMib);
  };
  const timer = setInterval(look, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
    return peakMib;
  };
}
