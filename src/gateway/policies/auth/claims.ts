// What is known of a caller besides its name: what limits may count by (claim.NAME).

const CLAIMS_MAX = 16;
const CLAIM_CHARS_MAX = 256;

/** The first texts and numbers of it. @param left  names that are no claims to count by */
export function claimsOf(from: object, left: ReadonlySet<string>): Readonly<Record<string, string>> {
  const claims: [string, string][] = [];
  for (const [name, value] of Object.entries(from)) {
    if (claims.length >= CLAIMS_MAX) break;
    if (left.has(name) || (typeof value !== 'string' && typeof value !== 'number')) continue;
    const text = String(value);
    if (text.length <= CLAIM_CHARS_MAX) claims.push([name, text]);
  }
  return Object.fromEntries(claims);
}
