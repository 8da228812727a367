// Where undici, and llhttp within it, is known to read an answer otherwise than the strict reading does. Each of the list is
// narrow: a difference that none of them explains is one to look at.

import { CHUNKED, OK } from '../scripts/answer-script.ts';
import type { FuzzedAnswer, Verdict } from './verdict.ts';

interface KnownDifference {
  readonly reason: string;
  /** Bytes on which they differ for this reason alone. */
  readonly example: string;
  explains(answer: FuzzedAnswer, undici: Verdict, strict: Verdict): boolean;
}

const ended = (verdict: Verdict): boolean => verdict.outcome === 'end';
const EMPTY = 'Content-Length: 0\r\n\r\n';
const CONTROL = '\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f';
// Names, and values that are tokens or quoted: no empty ones, no space.
const EXTENDED = /^[0-9a-f]+(?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"[^"]*"))?)+$/i;
const CODING = /^transfer-encoding:[\t ]*(.*)$/gim;

export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'undici closes the connection on 100 Continue',
    example: `HTTP/1.1 100 Continue\r\n\r\n${OK}${EMPTY}`,
    explains: ({ bytes }, undici) => !ended(undici) && undici.status === 0 && /^HTTP\/1\.[01] 100\b/m.test(bytes),
  },
  {
    reason: 'llhttp ends the connection behind 1xx that say close, and those of HTTP/1.0',
    example: `HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n${OK}${EMPTY}`,
    explains: ({ bytes }, undici) =>
      undici.status === 0 && /^HTTP\/1\.(?:0 1\d\d|1 1\d\d[\s\S]*?\nconnection:.*close)/im.test(bytes),
  },
  {
    reason: 'llhttp knows HTTP/2.0 and HTTP/0.9',
    example: `HTTP/2.0 200 OK\r\n${EMPTY}`,
    explains: ({ bytes }, _, strict) => strict.status === 0 && /^HTTP\/(?:2\.0|0\.9) /m.test(bytes),
  },
  {
    reason: 'llhttp takes any status of three digits',
    example: `HTTP/1.1 600 High\r\n${EMPTY}`,
    explains: ({ bytes }, undici, strict) =>
      strict.status === 0 && (undici.status > 599 || /^HTTP\/1\.[01] [06-9]\d\d\b/m.test(bytes)),
  },
  {
    reason: 'llhttp skips line ends before a head',
    example: `\r\n${OK}${EMPTY}`,
    explains: ({ bytes }, undici, strict) =>
      strict.status === 0 && undici.status > 0 && /(?:^|\n\r?\n)[\r\n]+HTTP\//.test(bytes),
  },
  {
    reason: 'llhttp skips a reason unread',
    example: `HTTP/1.1 200 O\x00K\r\n${EMPTY}`,
    explains: ({ bytes }, _, strict) =>
      strict.status === 0 && new RegExp(`^HTTP/1\\.[01] \\d{3} [^\\r\\n]*[${CONTROL}]`, 'm').test(bytes),
  },
  {
    reason: 'llhttp takes any coding, and any number of them; on HTTP/1.0, too',
    example: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    explains: ({ bytes }, undici, strict) => {
      const codings = [...bytes.matchAll(CODING)].map(([, coding = '']) => coding.trim().toLowerCase());
      const isUnusual =
        codings.length > 1 || codings.some((coding) => coding !== 'chunked') || /^HTTP\/1\.0/m.test(bytes);
      return codings.length > 0 && isUnusual && strict.status === 0 && undici.status > 0;
    },
  },
  {
    reason: 'llhttp takes a length in the trailers for one in the head',
    example: `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`,
    explains: ({ bytes }, undici, strict) =>
      strict.headers.includes('transfer-encoding') &&
      undici.status === strict.status &&
      !ended(undici) &&
      /\r\n0*(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*content-length/i.test(bytes),
  },
  {
    reason: 'llhttp takes no tab behind a length',
    example: `${OK}Content-Length: 0\t\r\n\r\n`,
    explains: ({ bytes }, undici) => undici.status === 0 && /^content-length:[\t ]*\d+ *\t/im.test(bytes),
  },
  {
    reason: 'llhttp reads chunk extensions by their grammar',
    example: `${CHUNKED}2;\r\nok\r\n0\r\n\r\n`,
    explains: ({ bytes }, undici, strict) =>
      strict.headers.includes('transfer-encoding') &&
      undici.status === strict.status &&
      !ended(undici) &&
      [...bytes.matchAll(/^[0-9a-f]+;[^\r\n]*/gim)].some(([line]) => !EXTENDED.test(line)),
  },
  {
    reason: 'llhttp counts in 64 bits',
    example: `${OK}Content-Length: 1000000000000000\r\n\r\n`,
    explains: ({ bytes }, undici, strict) =>
      strict.status === 0 && !ended(undici) && /^content-length:[\t ]*\d{16,}/im.test(bytes),
  },
];

export function isKnownDifference(answer: FuzzedAnswer, undici: Verdict, strict: Verdict): boolean {
  return knownDifferences.some(({ explains }) => explains(answer, undici, strict));
}
