// Where a median lies, by signs: with n rounds the true median lies between the k-th smallest figure and the k-th largest, except
// with probability 2 · P(Binomial(n, ½) < k). k is the largest for which that stays within ERROR_MAX.

const ERROR_MAX = 0.01;

/** The largest k with 2 · P(Binomial(count, ½) < k) ≤ ERROR_MAX; 0 when there is none (fewer than 8 rounds). */
export function intervalRank(count: number): number {
  let term = 2 ** -count;
  let below = term;
  let rank = 0;
  while (2 * below <= ERROR_MAX) {
    rank++;
    // C(n, k) = C(n, k - 1) · (n - k + 1) / k
    term *= (count - rank + 1) / rank;
    below += term;
  }
  return rank;
}
