// Bytes as HTTP/1.1 knows them (RFC 9110 §5.5, §5.6.2).

export const CR = 0x0d;
export const LF = 0x0a;
export const SPACE = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const DIGIT_0 = 0x30;
export const DIGIT_1 = 0x31;
export const DIGIT_9 = 0x39;

/** It may stand in a name. */
export const NAME_BYTE = 1;
/** It may stand in a value; so may every byte of a name, so that `kind >= VALUE_BYTE` is the test. */
export const VALUE_BYTE = 2;

/** What each byte may be: NAME_BYTE and VALUE_BYTE, or-ed. */
export const byteKinds: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const isName = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code));
  const isValue = code === TAB || (code >= SPACE && code !== 0x7f);
  return (isName ? NAME_BYTE : 0) | (isValue ? VALUE_BYTE : 0);
});

/** @returns -1 when it is none @hot */
export function hexDigit(code: number): number {
  if (code >= DIGIT_0 && code <= DIGIT_9) return code - DIGIT_0;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

export function codesOf(text: string): readonly number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
