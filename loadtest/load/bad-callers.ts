// Callers with forged credentials, each another one, in a process of their own: the one that measures the good callers has enough
// to do.
//
//   node bad-callers.js OPTIONS
//
// OPTIONS is JSON (BadCallers). At the end it prints one line: bad {"sent":…} (BadCalls)

import { randomBytes } from 'node:crypto';
import { startFlood } from './flood.ts';

export interface BadCallers {
  readonly url: string;
  readonly ratePerSecond: number;
  readonly connectionCount: number;
  readonly durationMs: number;
  /** How many addresses they have: 127.1.0.1 and so on; 1: that of all others, 127.0.0.1. */
  readonly addressCount: number;
  /** Header and payload of tokens, and how many bytes the signature has. */
  readonly tokens: readonly { readonly text: string; readonly signatureBytes: number }[];
}

export interface BadCalls {
  readonly sent: number;
  /** Were due, and could not be sent: no connection was free. */
  readonly unsent: number;
  readonly elapsedMs: number;
  /** Answers by their status, and requests without one by why. */
  readonly outcomes: Readonly<Record<string, number>>;
}

const KEY_BYTES = 24;
const ADDRESSES_PER_BLOCK = 250;

const [options = ''] = process.argv.slice(2);
const { tokens, addressCount, ...load } = JSON.parse(options) as BadCallers;
const outcomes: Record<string, number> = {};
const count = (outcome: string | number): void => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};
const calls = { sent: 0, unsent: 0 };
const startMs = performance.now();
const flood = startFlood(
  { ...load, headers: {}, nextLines: forger(tokens), localAddresses: addresses(addressCount) },
  {
    onSent: () => calls.sent++,
    onAnswer: ({ status }) => count(status),
    onFailure: count,
    onBusy: () => calls.unsent++,
  },
);
// Whoever started it has ended.
process.stdin.on('end', () => process.exit()).resume();
await flood.finished;
process.stdout.write(`bad ${JSON.stringify({ ...calls, elapsedMs: performance.now() - startMs, outcomes })}\n`);
process.stdin.destroy();

/** In turn a token of each kind, and a key. */
function forger(kinds: BadCallers['tokens']): () => string {
  let n = 0;
  return () => {
    const kind = kinds[n++ % (kinds.length + 1)];
    if (kind === undefined) return `x-api-key: ${randomBytes(KEY_BYTES).toString('base64url')}\r\n`;
    return `authorization: Bearer ${kind.text}.${randomBytes(kind.signatureBytes).toString('base64url')}\r\n`;
  };
}

function addresses(wanted: number): readonly string[] {
  if (wanted === 1) return ['127.0.0.1'];
  return Array.from(
    { length: wanted },
    (_, n) => `127.1.${Math.floor(n / ADDRESSES_PER_BLOCK)}.${1 + (n % ADDRESSES_PER_BLOCK)}`,
  );
}
