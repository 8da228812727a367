// Header fields as they go over the wire, in latin1: 'name: value\r\n' each, names of the gateway's own in lower case. One
// string for all of them is cheaper to make, to keep and to send than a list.

import type { HeaderList } from './exchange.ts';

/** Text where all of it is ASCII, else its bytes. */
export type HeaderLines = string | Buffer;

/** @param isAscii  all of `lines` is @hot */
export function asHeaderLines(lines: string, isAscii: boolean): HeaderLines {
  return isAscii ? lines : Buffer.from(lines, 'latin1');
}

// trim() would take a no-break space, too.
const OUTER_SPACE = /^[ \t]+|[ \t]+$/g;

/** Flat: name, value, name, value …; names as they are. */
export function listOfLines(lines: HeaderLines): HeaderList {
  const list: HeaderList = [];
  const text = typeof lines === 'string' ? lines : lines.toString('latin1');
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) list.push(line.slice(0, colon), line.slice(colon + 1).replace(OUTER_SPACE, ''));
  }
  return list;
}
