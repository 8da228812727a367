// The turns of one round, in which every target comes as often as its weight says. Here and not in the workers: many targets with
// large weights take some 20 ms.

// Weights are divided by their greatest common divisor and capped, so that a round has at most so many turns.
const TURNS_MAX = 4_096;

/**
 * Smooth weighted round robin (nginx), with one thing more: no target gets two turns in a row, from the last of a round to
 * the first of the next included, unless its weight is more than all others' together.
 * @param weightsGiven  of 256 targets at most
 * @returns ordinals of the weights, 1 to 4,096 of them
 */
export function smoothTurns(weightsGiven: readonly number[]): Uint8Array {
  const weights = turnsOfRound(weightsGiven);
  const sum = weights.reduce((a, b) => a + b, 0);
  const left = [...weights];
  const credit = weights.map(() => 0);
  const turns: number[] = [];
  for (let free = sum; free > 0; free--) {
    let best = -1;
    let bestCredit = Number.NEGATIVE_INFINITY;
    weights.forEach((weight, i) => {
      credit[i] = (credit[i] as number) + weight;
      if (left[i] === 0) return;
      const isHeavy = weight * 2 > sum;
      if (!isHeavy && i === turns.at(-1)) return;
      // Without this turn, its others would not fit into the free ones without touching each other (or the first).
      const isUrgent = !isHeavy && (left[i] as number) > Math.floor((i === turns[0] ? free - 1 : free) / 2);
      const rank = isUrgent ? Number.POSITIVE_INFINITY : (credit[i] as number);
      if (rank <= bestCredit) return;
      best = i;
      bestCredit = rank;
    });
    credit[best] = (credit[best] as number) - sum;
    left[best] = (left[best] as number) - 1;
    turns.push(best);
  }
  return Uint8Array.from(turns);
}

/** How many turns of a round each weight stands for. */
function turnsOfRound(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const total = weights.reduce((sum, weight) => sum + weight / divisor, 0);
  const shrink = Math.max(1, total / TURNS_MAX);
  return weights.map((weight) => Math.max(1, Math.round(weight / divisor / shrink)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
