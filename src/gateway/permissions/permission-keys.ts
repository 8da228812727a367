// What conditions and variables may ask, on both planes. But for the path, which is what is asked for, nothing here is what a
// client may write as it likes: headers and parameters are no ground for a permission.

/** What a key's values are, which says the operators that it takes. */
export type KeyKind = 'text' | 'list' | 'address' | 'time' | 'flag' | 'claim';

const kinds: ReadonlyMap<string, KeyKind> = new Map<string, KeyKind>([
  ['sluice:consumer', 'text'],
  ['sluice:keyId', 'text'],
  ['sluice:groups', 'list'],
  ['sluice:scope', 'list'],
  ['sluice:principal', 'list'],
  ['sluice:service', 'text'],
  ['sluice:route', 'text'],
  ['sluice:method', 'text'],
  ['sluice:path', 'text'],
  ['sluice:operator', 'text'],
  ['sluice:sourceIp', 'address'],
  ['sluice:currentTime', 'time'],
  ['sluice:secureTransport', 'flag'],
]);

const CLAIM = /^sluice:claim\/(.{1,128})$/i;

// Names of keys do not tell upper from lower case, as in IAM.
const byLowerName = new Map([...kinds.keys()].map((key) => [key.toLowerCase(), key]));

// What documents for other products have written for the same.
const aliases: ReadonlyMap<string, string> = new Map([
  ['aws:sourceip', 'sluice:sourceIp'],
  ['aws:currenttime', 'sluice:currentTime'],
  ['aws:securetransport', 'sluice:secureTransport'],
  ['qcs:ip', 'sluice:sourceIp'],
  ['qcs:current_time', 'sluice:currentTime'],
]);

export const permissionKeys: readonly string[] = [...kinds.keys(), 'sluice:claim/NAME'];

/** A key that is asked for, taken apart once. */
export interface PermissionKey {
  /** sluice:claim/tenant */
  readonly text: string;
  /** sluice:claim */
  readonly name: string;
  /** Of a claim its name, else ''. */
  readonly claim: string;
}

/** @returns the key's one spelling; undefined when there is no such key */
export function findKey(written: string): string | undefined {
  const lower = written.toLowerCase();
  const claim = CLAIM.exec(written)?.[1];
  return claim === undefined ? (byLowerName.get(lower) ?? aliases.get(lower)) : `sluice:claim/${claim}`;
}

/** @param key  as findKey gives it */
export function kindOfKey(key: string): KeyKind {
  return kinds.get(key) ?? 'claim';
}

/** @param text  as findKey gives it */
export function splitKey(text: string): PermissionKey {
  const slash = text.indexOf('/');
  return slash < 0
    ? { text, name: text, claim: '' }
    : { text, name: text.slice(0, slash), claim: text.slice(slash + 1) };
}

/** What a question's facts say of a key: text, several texts, milliseconds since 1970; undefined where it has none. */
export type PermissionValue = string | number | boolean | readonly string[] | undefined;

export interface PermissionFacts {
  /** @hot */
  read(key: PermissionKey): PermissionValue;
}
