// What the gate lets pass. Both are ratios of CPU time per request within one run of the gate, under its own load
// (bench/support/load-client.ts): they cannot be compared with those of bench:compare.

export interface GateBounds {
  /** Branch against base. */
  readonly toBase: number;
  /** Branch against uWebSockets.js answering directly. */
  readonly toRawUws: number;
}

export const gateBounds: GateBounds = {
  // Half way between no change and a slow-down of 15 %: √(1 × 1.15) = 1.072. Either error needs the median of all rounds to
  // be 7 % off.
  toBase: 1.07,
  // For what grows in small steps, each within the bound above. Wide, because the ratio moves by half with what else the
  // machine does; to be lowered with every change that makes the gateway quicker.
  toRawUws: 12,
};
