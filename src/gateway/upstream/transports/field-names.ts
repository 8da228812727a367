// Which fields of an answer are not a proxy's to pass on. Told from bytes, so that a name becomes a string only when somebody
// asks for it.

import { ownAnswerNames } from '../hop-by-hop-names.ts';
import { FieldKind } from './answer-head.ts';

/** What a field says about the framing of its message. */
export const FramingField = {
  NONE: 0,
  CONTENT_LENGTH: 1,
  TRANSFER_ENCODING: 2,
  CONNECTION: 3,
  KEEP_ALIVE: 4,
} as const;
export type FramingField = (typeof FramingField)[keyof typeof FramingField];

const framing: ReadonlyMap<string, FramingField> = new Map([
  ['content-length', FramingField.CONTENT_LENGTH],
  ['transfer-encoding', FramingField.TRANSFER_ENCODING],
  ['connection', FramingField.CONNECTION],
  ['keep-alive', FramingField.KEEP_ALIVE],
]);

interface KnownName {
  readonly codes: readonly number[];
  readonly framing: FramingField;
}

// By length: the usual header costs one array read, and no comparison at all.
const byLength: readonly (readonly KnownName[] | undefined)[] = (() => {
  const table: KnownName[][] = [];
  for (const name of ownAnswerNames) {
    const known = { codes: [...name].map((c) => c.charCodeAt(0)), framing: framing.get(name) ?? FramingField.NONE };
    table[name.length] = [...(table[name.length] ?? []), known];
  }
  return table;
})();

/**
 * @returns the name's FramingField, with OWN_BIT set when the field is not passed on
 * @hot
 */
export function classifyName(bytes: Buffer, start: number, end: number): number {
  const candidates = byLength[end - start];
  if (candidates === undefined) return 0;
  for (let i = 0; i < candidates.length; i++) {
    const known = candidates[i] as KnownName;
    if (isSame(bytes, start, known.codes)) return known.framing | OWN_BIT;
  }
  return 0;
}

export const OWN_BIT = 8;

/** @hot */
export function kindOf(classified: number): FieldKind {
  return (classified & OWN_BIT) === 0 ? FieldKind.PLAIN : FieldKind.OWN;
}

/** ASCII letters in either case; the codes are lower case letters and '-', which no other token character maps to. */
export function isSame(bytes: Buffer, start: number, codes: readonly number[]): boolean {
  for (let i = 0; i < codes.length; i++) {
    if (((bytes[start + i] as number) | 0x20) !== codes[i]) return false;
  }
  return true;
}
