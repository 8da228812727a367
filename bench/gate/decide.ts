// How many blocks of rounds it takes to say whether a branch passes.

import type { GateBounds } from './bounds.ts';
import { type Judgement, judge } from './judge.ts';

/** CPU time per request of one round, microseconds. */
export interface GateRound {
  readonly baseUs: number;
  readonly branchUs: number;
  readonly rawUwsUs: number;
}

export interface BlockLimits {
  readonly blocksMin: number;
  /** So many in all while the answer is unclear; then the medians decide. */
  readonly blocksMax: number;
}

export interface Decision {
  readonly rounds: readonly GateRound[];
  readonly toBase: Judgement;
  readonly toRawUws: Judgement;
  readonly passes: boolean;
}

/**
 * @param measureBlock  some rounds, with processes of their own: V8 does not compile the same program alike twice; blocks count
 * from 0
 */
export async function decide(
  measureBlock: (block: number) => Promise<readonly GateRound[]>,
  bounds: GateBounds,
  { blocksMin, blocksMax }: BlockLimits,
): Promise<Decision> {
  const rounds: GateRound[] = [];
  for (let block = 0; ; block++) {
    rounds.push(...(await measureBlock(block)));
    if (block + 1 < blocksMin) continue;
    const toBase = judge(
      rounds.map((round) => round.branchUs / round.baseUs),
      bounds.toBase,
    );
    const toRawUws = judge(
      rounds.map((round) => round.branchUs / round.rawUwsUs),
      bounds.toRawUws,
    );
    const passes = !toBase.isWorse && !toRawUws.isWorse;
    // One that is clearly worse settles it; to pass, both have to be clear.
    const clear = [toBase, toRawUws].filter((judgement) => judgement.isClear);
    const isSettled = clear.length === 2 || clear.some((judgement) => judgement.isWorse);
    if (isSettled || block + 1 >= blocksMax) return { rounds, toBase, toRawUws, passes };
  }
}
