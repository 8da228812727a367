// A line a second while a load test runs: one that is written over on a terminal, one after the other elsewhere.

import type { Recorder } from './load/recorder.ts';
import { printNumber } from './thresholds.ts';

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const INTERVAL_MS = 1_000;
// Carriage return, and what was there is erased.
const OVERWRITE = '\r\u001b[2K';

/** @returns what ends it */
export function startProgress(recorder: Recorder, durationMs: number, stream: ProgressStream): () => void {
  const isTerminal = stream.isTTY === true;
  let before = { answered: 0, elapsedMs: 0 };
  const print = (): void => {
    const now = { answered: recorder.counts.answered, elapsedMs: recorder.elapsedMs };
    const line = progressLine(recorder, durationMs, before);
    before = now;
    stream.write(isTerminal ? `${OVERWRITE}${line}` : `${line}\n`);
  };
  const timer = setInterval(print, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    if (isTerminal) stream.write('\n');
  };
}

/** 3 s of 10 s · 201 requests/s · p99 4.2 ms · 0 failed */
export function progressLine(
  recorder: Recorder,
  durationMs: number,
  before: { readonly answered: number; readonly elapsedMs: number },
): string {
  const { answered, failed } = recorder.counts;
  const { elapsedMs } = recorder;
  const spanMs = elapsedMs - before.elapsedMs;
  const perSecond = spanMs > 0 ? ((answered - before.answered) * 1000) / spanMs : 0;
  const p99 = recorder.latencies.count === 0 ? '-' : `${printNumber(recorder.latencies.percentileMs(99))} ms`;
  const elapsed = `${Math.round(elapsedMs / 1000)} s of ${printNumber(durationMs / 1000)} s`;
  return `${elapsed} · ${Math.round(perSecond)} requests/s · p99 ${p99} · ${failed} failed`;
}
