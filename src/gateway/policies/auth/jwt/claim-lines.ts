// Claims as header lines for the upstream.
//
// A value is text, a number, true or false, or a list of them, joined by commas. Printable ASCII stands as it is. Percent signs, all
// other characters (as UTF-8), spaces at the ends, and commas within an item of a list are percent-encoded: what a token says
// can neither end the line nor pass for another value, and decoding gives back what was there.

import { claimAt } from './claim-at.ts';
import type { JwtPlan } from './jwt-plan.ts';

const VALUE_CHARS_MAX = 1_024;
const UNSAFE = /[^ -~]+|%|^ +| +$/gu;
const UNSAFE_IN_LIST = /[^ -~]+|%|^ +| +$|,/gu;

/** @returns lines for those that are there, can be written, and have 1,024 characters at most; '' for none */
export function claimLines(claims: Readonly<Record<string, unknown>>, headers: JwtPlan['claimHeaders']): string {
  let lines = '';
  for (const [name, claim] of headers) {
    const value = printClaim(claimAt(claims, claim));
    if (value !== undefined && value.length <= VALUE_CHARS_MAX) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function printClaim(claim: unknown): string | undefined {
  if (!Array.isArray(claim)) return printItem(claim, UNSAFE);
  const items = claim.map((item: unknown) => printItem(item, UNSAFE_IN_LIST));
  return items.includes(undefined) ? undefined : items.join(',');
}

function printItem(value: unknown, unsafe: RegExp): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value.replace(unsafe, percentEncoded) : undefined;
}

function percentEncoded(text: string): string {
  return Buffer.from(text).toString('hex').toUpperCase().replace(/../g, '%$&');
}
