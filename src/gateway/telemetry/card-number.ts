// Numbers of payment cards (ISO/IEC 7812-1): 13 to 19 digits whose last one is the check digit of Luhn's.

const DIGITS_MIN = 13;
const DIGITS_MAX = 19;
const ZERO = 0x30;
const SPACE = 0x20;
const DASH = 0x2d;

const digits = new Uint8Array(DIGITS_MAX);

/** Whether a run of digits in it is one; single spaces or dashes may stand between them. In linear time. */
export function hasCardNumber(text: string): boolean {
  let count = 0;
  for (let at = 0; at <= text.length; at++) {
    const digit = at < text.length ? text.charCodeAt(at) - ZERO : -1;
    if (digit >= 0 && digit <= 9) {
      if (count < DIGITS_MAX) digits[count] = digit;
      count++;
    } else if (count > 0 && !joinsDigits(text, at)) {
      if (count >= DIGITS_MIN && count <= DIGITS_MAX && passesLuhn(count)) return true;
      count = 0;
    }
  }
  return false;
}

function joinsDigits(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1) - ZERO;
  return (code === SPACE || code === DASH) && next >= 0 && next <= 9;
}

function passesLuhn(count: number): boolean {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const digit = digits[count - 1 - at] as number;
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  // 0000 0000 0000 0000 passes, and is nobody's.
  return sum > 0 && sum % 10 === 0;
}
