// Shapes of names and times as users write them, for whoever reads a configuration or a request.

/** Of a consumer, a key, an operator: stands in headers and logs. */
export const IDENTITY = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
/** Stands in places and labels. */
export const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** A day or time in UTC. */
export const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?Z)?$/;

/** @returns milliseconds since 1970; undefined for what is no time */
export function parseTimestamp(text: string): number | undefined {
  const ms = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN;
  // Of 2027-02-30 some make the second of March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text.slice(0, 10) ? undefined : ms;
}
