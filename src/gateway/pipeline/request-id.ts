// The id of a request: the client's own when it is sane, else one that no other process makes.

import { randomBytes } from 'node:crypto';

const SANE = /^[A-Za-z0-9_.:+/=@-]{1,128}$/;

// 72 random bits per thread and a counter: unique, cheap, and of no use for guessing anything.
const prefix = randomBytes(9).toString('base64url');
let counter = 0;

/** @hot one short string */
export function requestId(presented: string): string {
  if (presented !== '' && SANE.test(presented)) return presented;
  counter++;
  return `${prefix}-${counter}`;
}
