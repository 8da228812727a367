// The list of signed headers, as a caller names them. The same callers send the same list: it is read once.

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const NAMES_MAX = 32;
const TEXT_CHARS_MAX = 1_024;
// Callers choose some of the lists: forgotten all at once.
const LISTS_MAX = 256;

export interface CoveredHeaders {
  /** In lower case, in the order in which they are signed, each once. */
  readonly names: readonly string[];
  readonly hasDate: boolean;
  readonly hasXDate: boolean;
}

const lists = new Map<string, CoveredHeaders>();

/** @param text  names with spaces between them @returns undefined when it is no such list @hot */
export function coveredHeaders(text: string): CoveredHeaders | undefined {
  return lists.get(text) ?? read(text);
}

function read(text: string): CoveredHeaders | undefined {
  if (text.length > TEXT_CHARS_MAX) return undefined;
  const names = text
    .toLowerCase()
    .split(' ')
    .filter((name) => name !== '');
  if (names.length === 0 || names.length > NAMES_MAX || new Set(names).size !== names.length) return undefined;
  if (!names.every((name) => TOKEN.test(name))) return undefined;
  const covered = { names, hasDate: names.includes('date'), hasXDate: names.includes('x-date') };
  if (lists.size >= LISTS_MAX) lists.clear();
  lists.set(text, covered);
  return covered;
}
