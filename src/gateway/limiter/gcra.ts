// The arithmetic of a rate limit: the whole decision, pure, in 32-bit virtual time.
//
// Virtual time V runs at the limit's rate, in units of 2⁻ᵏ tokens, modulo 2³². A key's state is one such number: its
// theoretical arrival time (TAT), which is V plus the key's debt. A token costs 2ᵏ + 1 units. Differences are taken modulo
// 2³² and read as signed.
//
// Why no window is ever over. Take the n charges of a key whose clock readings lie in [s, e], in the order of their
// exchanges; each raises the TAT by c, or more. The first leaves TAT ≥ V(s) + c, the last TAT ≤ V(e) + B·c. Hence
// n·c ≤ V(e) − V(s) + B·c, whatever the readings' order: threads need no common order of clocks, only one function V.
// With x the units that truly passed, floors and rounding give V(e) − V(s) < x + 1 + ε, so n < B + (x + 1 + ε) / (2ᵏ + 1).
// Without the + 1 in the cost, the flooring alone would let a window of almost one token's time pass one request too many.
// ε is the double's rounding of (t − t0) · rate, at most 2⁻¹³ as long as 2³⁹ units at most passed since t0 (the sweeper
// starts a new record at 2³⁸). V runs slower than the rate by 2⁻²³ (resolution.ts), which pays for it: with x' the units
// at the full rate, x ≤ x'·(1 − 2⁻²³) and ε ≤ 2⁻²³ · 2ᵏ for k ≥ 10, so n ≤ B + ⌊x' / 2ᵏ⌋ in every closed window, exactly.

/**
 * Decide one request.
 * @param tat  theoretical arrival time of the key, units modulo 2³², signed
 * @param now  virtual time, the same units
 * @param cost  units of one request, 2ᵏ + 1
 * @param capacity  units of the whole burst, burst × cost
 * @param staleUnits  a TAT further ahead of `now` than this is the past, seen across the wrap: no debt
 * @returns shortfall in units: above 0, refuse, and come back when so many units have passed; 0 or less, admit, −shortfall
 *   units are left, and the new TAT is now + capacity + shortfall
 * @throws  never (data plane)
 * @source  ITU-T I.371, Annex A: generic cell rate algorithm, virtual scheduling
 * @hot
 */
export function gcra(tat: number, now: number, cost: number, capacity: number, staleUnits: number): number {
  const ahead = (tat - now) | 0;
  const debt = ahead > 0 && ahead <= staleUnits ? ahead : 0;
  return debt + cost - capacity;
}
