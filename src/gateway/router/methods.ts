// The methods that the gateway routes, and their numbers. Method i is bit i of a method mask, here and in the route trie
// (src/shm/trie-layout.ts); a new method is added at the end. CONNECT and TRACE are missing on purpose: the listener
// refuses them.

export const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'REPORT',
  'SEARCH',
] as const;

export const METHOD_GET = 0;
export const METHOD_HEAD = 1;
export const METHOD_OPTIONS = 6;

/** One bit for each known method. */
export const METHODS_MASK = 2 ** methods.length - 1;

// Masks come from configuration, a handful in practice. The bound is for a configuration that reloads for months.
const ALLOW_CACHE_MAX = 256;
const allowCache = new Map<number, string>();

/**
 * @param method  as it came: methods are case-sensitive (RFC 9110, 9.1)
 * @returns the method's index, or -1 when it is unknown
 * @hot measured by npm run bench:hot
 */
export function methodIndex(method: string): number {
  // The order is that of real traffic: each case is one comparison of strings.
  switch (method) {
    case 'GET':
      return METHOD_GET;
    case 'POST':
      return 2;
    case 'PUT':
      return 3;
    case 'DELETE':
      return 5;
    case 'HEAD':
      return METHOD_HEAD;
    case 'OPTIONS':
      return METHOD_OPTIONS;
    case 'PATCH':
      return 4;
    case 'PROPFIND':
      return 7;
    case 'PROPPATCH':
      return 8;
    case 'MKCOL':
      return 9;
    case 'COPY':
      return 10;
    case 'MOVE':
      return 11;
    case 'LOCK':
      return 12;
    case 'UNLOCK':
      return 13;
    case 'REPORT':
      return 14;
    case 'SEARCH':
      return 15;
    default:
      return -1;
  }
}

/** One bit for each of the methods; with GET, HEAD's too (RFC 9110, 9.3.2). */
export function methodMask(names: readonly (typeof methods)[number][]): number {
  const mask = names.reduce((bits, name) => bits | (1 << methods.indexOf(name)), 0);
  return (mask & (1 << METHOD_GET)) === 0 ? mask : mask | (1 << METHOD_HEAD);
}

/** The value of Allow for a method mask: 'GET, HEAD, POST'. Bits without a method are left out. */
export function allowHeader(mask: number): string {
  const cached = allowCache.get(mask);
  if (cached !== undefined) return cached;
  const value = methods.filter((_, index) => (mask & (1 << index)) !== 0).join(', ');
  if (allowCache.size < ALLOW_CACHE_MAX) allowCache.set(mask, value);
  return value;
}
