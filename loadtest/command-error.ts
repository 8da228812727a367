// What ends `sluice loadtest` with a sentence instead of a result.

/** exitCode 1: a problem with what was given, such as a target that cannot be reached; 2: wrong usage. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
