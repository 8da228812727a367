// How long the gate takes.

import type { BlockLimits } from './decide.ts';

export interface GateSettings extends BlockLimits {
  /** Under load before a block's first round: V8 compiles meanwhile. */
  readonly warmUpSeconds: number;
  readonly roundsPerBlock: number;
  /** Base, branch and raw uWS get some third of the core each. */
  readonly roundSeconds: number;
  readonly connections: number;
}

export const gateSettings = {
  // A block: 8 s + 8 × 2 s, and some 4 s of starting and stopping: 28 s. At the least 56 s, at the most 168 s.
  full: { blocksMin: 2, blocksMax: 6, warmUpSeconds: 8, roundsPerBlock: 8, roundSeconds: 2, connections: 64 },
  // A block: 4 s + 6 × 1 s, and some 4 s of starting and stopping: 14 s. Two give the 8 rounds that an interval needs.
  quick: { blocksMin: 2, blocksMax: 4, warmUpSeconds: 4, roundsPerBlock: 6, roundSeconds: 1, connections: 64 },
  // For a test of the gate itself, with a plant that nobody can miss.
  smoke: { blocksMin: 1, blocksMax: 1, warmUpSeconds: 1, roundsPerBlock: 3, roundSeconds: 0.5, connections: 16 },
} as const satisfies Record<string, GateSettings>;
