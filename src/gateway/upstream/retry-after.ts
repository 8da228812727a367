// What an answer's Retry-After asks for (RFC 9110 §10.2.3).

import type { AnswerHead } from './transports/answer-head.ts';

/** @param wallMs  milliseconds since 1970 @returns milliseconds; 0 when it asks for nothing that can be read */
export function retryAfterMs(head: AnswerHead, wallMs: number): number {
  const list = head.toList();
  const at = list.findIndex((text, index) => index % 2 === 0 && text === 'retry-after');
  const value = at < 0 ? '' : (list[at + 1] as string);
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1_000;
  const dateMs = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - wallMs);
}
