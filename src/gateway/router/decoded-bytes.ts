// A path or query as a pattern is to see it: with every %xx as the byte that it stands for, once. Byte by byte, so that one that is no
// UTF-8 does not hide the others.

const ESCAPE = /%([0-9A-Fa-f]{2})/g;

/** @param isQuery  a + is a space @hot where nothing is encoded, the text itself */
export function decodedBytes(text: string, isQuery: boolean): string {
  const spaced = isQuery && text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? spaced.replace(ESCAPE, (_, digits: string) => byteOf(digits)) : spaced;
}

function byteOf(digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}
