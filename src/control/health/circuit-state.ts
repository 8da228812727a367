// A circuit's state as it is now: one whose time is over lets trials through, though the next request has yet to say so.

import { CircuitState, msUntil, stateOf } from '../../shm/upstream-table.ts';

// 80 min: eight times the longest openFor. What is further ahead is a clock that has wrapped.
const OPEN_MS_MAX = 8 * 600_000;

/** @param word  of the upstream table */
export function circuitStateOf(word: number, nowMs: number): CircuitState {
  const state = stateOf(word);
  if (state !== CircuitState.OPEN) return state;
  const leftMs = msUntil(word, nowMs);
  return leftMs > 0 && leftMs <= OPEN_MS_MAX ? CircuitState.OPEN : CircuitState.HALF_OPEN;
}
