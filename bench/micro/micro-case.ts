// One function under measurement.

/** Leaves its result in the sink. */
export type MicroRun = () => void | Promise<void>;

export interface MicroCase {
  readonly name: string;
  /** Another case's name: print the ratio of this one's time to that one's. */
  readonly against?: string;
  /**
   * Makes what the case needs: 10,000 routes take a while, and memory.
   * @returns a closure of its own for each case, so that V8 compiles each for itself
   */
  prepare(): MicroRun | Promise<MicroRun>;
}
