// traceparent, the header that says which trace a request belongs to (W3C Trace Context):
//
//   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//   version  trace id                   parent's span id  flags
//
// Version 00 is exactly these 55 characters, in lower case; a later version may go on behind a further '-'. Version ff and
// ids of zeros only are refused. What is refused is as good as absent: a new trace begins.

export interface Traceparent {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** Of the span that sent the request: 16 hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** 8 bits, of which SAMPLED and RANDOM have a meaning. */
  readonly flags: number;
}

/** Flag: the sender keeps its spans. */
export const SAMPLED = 1;
/** Flag: the last 56 bits of the trace id are random (Trace Context level 2). */
export const RANDOM = 2;
/** The flags of a header that is none. */
export const NOT_VALID = -1;

const CHARS = 55;
const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;
const FLAGS_AT = 53;
const DASH = 45;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const LETTER_A = 97;
const LETTER_F = 102;

/**
 * Allocates nothing: most requests are not sampled, and then nothing but the flags is of use.
 * @returns the flags, or NOT_VALID
 * @hot
 */
export function traceparentFlags(text: string): number {
  if (text.length < CHARS || text.charCodeAt(2) !== DASH) return NOT_VALID;
  if (text.charCodeAt(SPAN_ID_AT - 1) !== DASH || text.charCodeAt(FLAGS_AT - 1) !== DASH) return NOT_VALID;
  const version = byteAt(text, 0);
  if (version < 0 || version === 0xff) return NOT_VALID;
  if (text.length > CHARS && (version === 0 || text.charCodeAt(CHARS) !== DASH)) return NOT_VALID;
  if (!isId(text, TRACE_ID_AT, SPAN_ID_AT - 1) || !isId(text, SPAN_ID_AT, FLAGS_AT - 1)) return NOT_VALID;
  return byteAt(text, FLAGS_AT);
}

/** @returns undefined when the text is no traceparent */
export function parseTraceparent(text: string): Traceparent | undefined {
  const flags = traceparentFlags(text);
  if (flags === NOT_VALID) return undefined;
  return { traceId: text.slice(TRACE_ID_AT, SPAN_ID_AT - 1), spanId: text.slice(SPAN_ID_AT, FLAGS_AT - 1), flags };
}

/** In version 00, whatever version was received: nobody may pass on what it does not know. */
export function printTraceparent({ traceId, spanId, flags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${flags < 16 ? '0' : ''}${flags.toString(16)}`;
}

/** Whether the characters are digits that are not all zero. @hot */
function isId(text: string, from: number, to: number): boolean {
  let bits = 0;
  for (let at = from; at < to; at++) {
    const digit = digitAt(text, at);
    if (digit < 0) return false;
    bits |= digit;
  }
  return bits !== 0;
}

/** Two digits; negative when they are none. @hot */
function byteAt(text: string, at: number): number {
  const high = digitAt(text, at);
  const low = digitAt(text, at + 1);
  return high < 0 || low < 0 ? NOT_VALID : high * 16 + low;
}

/** @hot */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= DIGIT_0 && code <= DIGIT_9) return code - DIGIT_0;
  return code >= LETTER_A && code <= LETTER_F ? code - LETTER_A + 10 : NOT_VALID;
}
