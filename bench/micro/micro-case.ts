// One function under measurement.

export interface MicroCase {
  readonly name: string;
  /** Another case's name: print the ratio of this one's time to that one's. */
  readonly against?: string;
  /** A closure of its own for each case, so that V8 compiles each for itself. Leaves its result in the sink. */
  run(): void | Promise<void>;
}
