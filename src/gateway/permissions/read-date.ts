const SECONDS = /^[0-9]{1,11}$/;
const DATE =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/**
 * The time that a text is: a date (its midnight in UTC), a date with time and offset (ISO 8601), or seconds since 1970.
 * @returns milliseconds since 1970; NaN for anything else
 */
export function readDate(text: string): number {
  if (SECONDS.test(text)) return Number(text) * 1_000;
  return DATE.test(text) ? Date.parse(text) : Number.NaN;
}
