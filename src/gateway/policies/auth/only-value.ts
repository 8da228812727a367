// A header that comes once, or not at all.

import type { Exchange } from '../../pipeline/exchange.ts';

/** No header has such a value. */
export const TWO_VALUES = '\0';

/** A header that comes twice may be read in two ways. @param name  in lower case @returns '' for none; TWO_VALUES @hot */
export function onlyValue(x: Exchange, name: string): string {
  const headers = x.headers;
  let value = '';
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue;
    if (value !== '') return TWO_VALUES;
    value = headers[i + 1] as string;
  }
  return value;
}
