const CHARS_MAX = 32;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const MINUS = 0x2d;
const DOT = 0x2e;

/**
 * The number that a text is: digits, with a minus before and a fraction behind or without. No space, no +, no exponent, no
 * 0x: what one server takes for a number and another does not, is none.
 * @returns NaN when it is none, or longer than 32 characters
 * @hot no allocation
 */
export function readNumber(text: string): number {
  const length = text.length;
  const start = text.charCodeAt(0) === MINUS ? 1 : 0;
  if (length === start || length > CHARS_MAX) return Number.NaN;
  let dot = -1;
  for (let at = start; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= DIGIT_0 && code <= DIGIT_9) continue;
    const isFraction = code === DOT && dot < 0 && at > start && at < length - 1;
    if (!isFraction) return Number.NaN;
    dot = at;
  }
  return Number(text);
}
