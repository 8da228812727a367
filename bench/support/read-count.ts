/**
 * A positive number from the command line.
 * @throws a sentence for the user
 */
export function readCount(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${option} takes a number above 0, not '${text}'`);
  return value;
}
