// Assertions at the doors: one claim per line, worded as the truth. A failed one is a bug, and ends its worker.

class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws {AssertionError} when the claim does not hold */
export function assert(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new AssertionError(`assertion failed: ${claim}`);
}

/** The end of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new AssertionError(`assertion failed: no such case: ${String(value)}`);
}
