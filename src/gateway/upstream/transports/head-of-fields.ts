// An answer's head from fields that somebody else has parsed.

import { AnswerHead } from './answer-head.ts';
import { classifyName, FramingField, kindOf, OWN_BIT } from './field-names.ts';

const COLON_AND_SPACE = Buffer.from(': ');
const LINE_END = Buffer.from('\r\n');
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const UNSAFE_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * @param fields  name, value, name, value …, as bytes
 * @returns undefined when a value would split the answer, or there are too many
 */
export function headOfFields(status: number, fields: readonly Uint8Array[]): AnswerHead | undefined {
  const head = new AnswerHead();
  head.status = status;
  const parts: Uint8Array[] = [];
  let at = 0;
  let connection = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = Buffer.from(fields[i] as Uint8Array);
    const value = trimmed(Buffer.from(fields[i + 1] as Uint8Array).toString('latin1'));
    if (UNSAFE_VALUE.test(value)) return undefined;
    const classified = classifyName(name, 0, name.length);
    const field = classified & ~OWN_BIT;
    if (field === FramingField.CONTENT_LENGTH) head.length = Number(value);
    if (field === FramingField.CONNECTION) connection += `,${value.toLowerCase()}`;
    const valueStart = at + name.length + COLON_AND_SPACE.length;
    const valueEnd = valueStart + value.length;
    if (!head.add(at, at + name.length, valueStart, valueEnd, kindOf(classified))) return undefined;
    parts.push(name, COLON_AND_SPACE, Buffer.from(value, 'latin1'), LINE_END);
    at = valueEnd + LINE_END.length;
  }
  if (connection !== '') head.connectionNames = connection.split(',').map((token) => token.trim());
  const bytes = Buffer.concat(parts);
  head.isAscii = bytes.every((byte) => byte < 0x80);
  head.seal(bytes, at);
  return head;
}

// llhttp leaves a tab behind a value where it is.
function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}
