// Where undici, and llhttp within it, does not do what the contract says. No setting of theirs changes it.

import type { Deviation } from './transport-contract.ts';

const rows: readonly (Deviation & { readonly names: readonly string[] })[] = [
  {
    names: ['after 100 Continue that nobody asked for'],
    outcome: 'invalid',
    reason: 'undici closes the connection on it: onHeadersComplete in client-h1.js',
  },
  {
    names: ['after more 1xx than may be'],
    outcome: 'end',
    reason: 'undici does not count them',
  },
  {
    names: ['with its length in white space'],
    outcome: 'invalid',
    reason: 'llhttp takes spaces behind a length, but no tab',
  },
  {
    names: ['with trailers that look like framing'],
    outcome: 'invalid',
    reason: 'llhttp takes a length in the trailers for one in the head',
  },
  {
    names: ['of HTTP/2.0', 'of HTTP/0.9'],
    outcome: 'end',
    reason: 'llhttp knows these versions',
  },
  {
    names: ['of status 600', 'of status 999'],
    outcome: 'end',
    reason: 'llhttp takes any three digits',
  },
  {
    names: ['with an empty line before it'],
    outcome: 'end',
    reason: 'llhttp skips line ends before a message',
  },
  {
    names: ['with a zero byte in its reason', 'with a control byte in its reason'],
    outcome: 'end',
    reason: 'llhttp skips a reason unread',
  },
  {
    names: ['of a length with 16 digits', 'with a chunk size past what a number counts'],
    outcome: 'invalid',
    reason: 'llhttp counts in 64 bits: it finds no fault until the body is too short',
  },
  {
    names: [
      'with chunked twice',
      'with chunked in two headers',
      'with gzip, then chunked',
      'with gzip and chunked in two headers',
      'of HTTP/1.0 in chunks',
    ],
    outcome: 'end',
    reason: 'llhttp looks for chunked at the end of the codings, and at nothing else',
  },
  {
    names: [
      'with chunked, then gzip',
      'with gzip alone',
      'with the coding identity',
      'with an empty coding',
      'with a coding that begins with chunked',
      'with a coding that ends in chunked',
      'with a parameter of chunked',
      'with chunked in quotes',
    ],
    outcome: 'end',
    reason: 'llhttp reads what does not end in chunked to the end of the connection',
  },
  {
    names: ['with a head of 64 KiB and a byte'],
    outcome: 'end',
    reason: 'undici counts names and values, not what lies between them',
  },
  {
    names: [
      'with too long a reason',
      'with too many small trailers',
      'after 1xx with which its heads are more than 64 KiB together',
    ],
    outcome: 'end',
    reason: 'undici does not count it',
  },
  {
    names: ['with an extension of more than 64 KiB', 'with more than 64 KiB of zeros before a chunk size'],
    outcome: 'end',
    reason: 'undici does not bound the line of a chunk size',
  },
  {
    names: ['with HTTP/1.0 and both words'],
    outcome: 'end',
    reason: 'undici looks for close on HTTP/1.1 alone, and uses the connection again',
  },
];

export const undiciDeviations: ReadonlyMap<string, Deviation> = new Map(
  rows.flatMap(({ names, ...deviation }) => names.map((name) => [name, deviation] as const)),
);
