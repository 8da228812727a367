// Header lines beside those that the listener has for all of its answers.

import type { Exchange } from './exchange.ts';

// One of them counts (RFC 6797 §8.1), and it is the listener's.
const HSTS = /^strict-transport-security:[^\r\n]*\r\n/gim;

/** @param lines  'name: value\r\n' each @hot listeners without hsts: one comparison */
export function besideListener(x: Exchange, lines: string): string {
  return x.listener.headerLines === '' ? lines : lines.replace(HSTS, '');
}
