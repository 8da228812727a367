// Which fields of an upstream's answer a route takes out, and which it only wants to know of. Told from bytes, by length first,
// as in field-names.ts: what a route does not name costs one array read.

interface Rule {
  readonly codes: readonly number[];
  /** Bit of `seen`; 0: it is taken out. */
  readonly bit: number;
}

const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
const TO_LOWER = 0x20;

export class FieldRules {
  readonly #byLength: (readonly Rule[] | undefined)[] = [];
  /** Bit i: the answer has the i-th of the names that are watched for. To be set to 0 before the first field. */
  seen = 0;

  /**
   * @param taken  names in lower case
   * @param watched  31 at most, none of them taken
   */
  constructor(taken: Iterable<string>, watched: readonly string[]) {
    for (const name of taken) this.#add(name, 0);
    for (const [index, name] of watched.entries()) this.#add(name, 1 << index);
    for (let length = 0; length < this.#byLength.length; length++) this.#byLength[length] ??= undefined;
  }

  /** @returns whether the field with this name is taken out @hot on routes that have rules */
  takes(bytes: Buffer, start: number, end: number): boolean {
    const rules = end - start < this.#byLength.length ? this.#byLength[end - start] : undefined;
    if (rules === undefined) return false;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as Rule;
      if (!isName(bytes, start, rule.codes)) continue;
      this.seen |= rule.bit;
      return rule.bit === 0;
    }
    return false;
  }

  #add(name: string, bit: number): void {
    const rule = { codes: [...name].map((character) => character.charCodeAt(0)), bit };
    this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), rule];
  }
}

/** Any token's characters, ASCII letters in either case. */
function isName(bytes: Buffer, start: number, codes: readonly number[]): boolean {
  for (let i = 0; i < codes.length; i++) {
    const byte = bytes[start + i] as number;
    if ((byte >= UPPER_A && byte <= UPPER_Z ? byte | TO_LOWER : byte) !== codes[i]) return false;
  }
  return true;
}
