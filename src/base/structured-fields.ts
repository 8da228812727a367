// Structured fields of HTTP: dictionaries, as signatures and digests of messages are written. Strict: what the grammar does not
// allow is no field at all, and of two members of one name none is chosen.
//
// @source  RFC 9651 (RFC 8941, and dates and display strings, which no member that is read here has: they are refused)

export type BareItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'decimal'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'token'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'boolean'; readonly value: boolean };

export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly item: BareItem;
  readonly parameters: Parameters;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}

export type Member = Item | InnerList;
export type Dictionary = ReadonlyMap<string, Member>;

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const NUMBER = /-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y;
// Without the padding that the last group needs, no two texts are the same bytes.
const BYTES = /:((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?):/y;
const BOOLEAN = /\?([01])/y;
const SPACES = / */y;
const BETWEEN = /[ \t]*/y;
const MEMBERS_MAX = 256;

/** Thrown inside, and turned into undefined at the door. */
class NotStructured extends Error {}

/** @param text  of all lines of the field, with commas between them @returns undefined when it is none */
export function parseDictionary(text: string): Dictionary | undefined {
  try {
    return new Parser(text).dictionary();
  } catch (error) {
    if (error instanceof NotStructured) return undefined;
    throw error;
  }
}

export function isInnerList(member: Member): member is InnerList {
  return 'items' in member;
}

export function printDictionary(members: Dictionary): string {
  return [...members].map(([key, member]) => key + printAfterKey(member)).join(', ');
}

export function printMember(member: Member): string {
  if (!isInnerList(member)) return printItem(member);
  return `(${member.items.map(printItem).join(' ')})${printParameters(member.parameters)}`;
}

export function printItem({ item, parameters }: Item): string {
  return printBare(item) + printParameters(parameters);
}

/** A member that is true stands by its key alone. */
function printAfterKey(member: Member): string {
  if (!isInnerList(member) && member.item.kind === 'boolean' && member.item.value) {
    return printParameters(member.parameters);
  }
  return `=${printMember(member)}`;
}

function printParameters(parameters: Parameters): string {
  let text = '';
  for (const [key, item] of parameters) {
    text += item.kind === 'boolean' && item.value ? `;${key}` : `;${key}=${printBare(item)}`;
  }
  return text;
}

function printBare(item: BareItem): string {
  switch (item.kind) {
    case 'string':
      return `"${item.value.replaceAll(/["\\]/g, '\\$&')}"`;
    case 'bytes':
      return `:${item.value.toString('base64')}:`;
    case 'boolean':
      return item.value ? '?1' : '?0';
    case 'decimal':
      return Number.isInteger(item.value) ? item.value.toFixed(1) : String(item.value);
    default:
      return String(item.value);
  }
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  dictionary(): Dictionary {
    const members = new Map<string, Member>();
    this.#take(SPACES);
    while (this.#at < this.#text.length) {
      const key = this.#need(KEY)[0];
      // RFC 9651 takes the last of two: who signed the first would be surprised.
      if (members.has(key) || members.size >= MEMBERS_MAX) throw new NotStructured();
      const member = this.#skip('=') ? this.#member() : { item: TRUE, parameters: this.#parameters() };
      members.set(key, member);
      this.#take(BETWEEN);
      if (this.#at >= this.#text.length) break;
      if (!this.#skip(',')) throw new NotStructured();
      this.#take(BETWEEN);
      if (this.#at >= this.#text.length) throw new NotStructured();
    }
    return members;
  }

  #member(): Member {
    return this.#text[this.#at] === '(' ? this.#innerList() : this.#item();
  }

  #innerList(): InnerList {
    this.#at++;
    const items: Item[] = [];
    for (;;) {
      this.#take(SPACES);
      if (this.#skip(')')) return { items, parameters: this.#parameters() };
      if (items.length >= MEMBERS_MAX) throw new NotStructured();
      items.push(this.#item());
      const next = this.#text[this.#at];
      if (next !== ' ' && next !== ')') throw new NotStructured();
    }
  }

  #item(): Item {
    return { item: this.#bare(), parameters: this.#parameters() };
  }

  #parameters(): Parameters {
    const parameters = new Map<string, BareItem>();
    while (this.#skip(';')) {
      this.#take(SPACES);
      const key = this.#need(KEY)[0];
      if (parameters.has(key) || parameters.size >= MEMBERS_MAX) throw new NotStructured();
      parameters.set(key, this.#skip('=') ? this.#bare() : TRUE);
    }
    return parameters;
  }

  #bare(): BareItem {
    const first = this.#text[this.#at] ?? '';
    if (first === '"') return { kind: 'string', value: (this.#need(STRING)[1] ?? '').replaceAll(/\\(["\\])/g, '$1') };
    if (first === ':') return { kind: 'bytes', value: this.#bytes() };
    if (first === '?') return { kind: 'boolean', value: this.#need(BOOLEAN)[1] === '1' };
    if (/[-0-9]/.test(first)) {
      const text = this.#need(NUMBER)[0];
      return { kind: text.includes('.') ? 'decimal' : 'integer', value: Number(text) };
    }
    return { kind: 'token', value: this.#need(TOKEN)[0] };
  }

  #bytes(): Buffer {
    const text = this.#need(BYTES)[1] ?? '';
    const bytes = Buffer.from(text, 'base64');
    // Bits behind the last byte are not its.
    if (bytes.toString('base64') !== text) throw new NotStructured();
    return bytes;
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #need(pattern: RegExp): RegExpExecArray {
    const match = this.#take(pattern);
    if (match === null) throw new NotStructured();
    return match;
  }
}

const TRUE: BareItem = { kind: 'boolean', value: true };
