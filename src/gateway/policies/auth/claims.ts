// What is known of a caller besides its name: what limits may count by (claim.NAME), and access and permissions ask for.

const CLAIMS_MAX = 16;
const CLAIM_CHARS_MAX = 256;

/** The first texts, numbers and switches of it. @param left  names that are no claims to count by */
export function claimsOf(from: object, left: ReadonlySet<string>): Readonly<Record<string, string>> {
  const claims: [string, string][] = [];
  for (const [name, value] of Object.entries(from)) {
    if (claims.length >= CLAIMS_MAX) break;
    if (left.has(name) || !['string', 'number', 'boolean'].includes(typeof value)) continue;
    const text = String(value);
    if (text.length <= CLAIM_CHARS_MAX) claims.push([name, text]);
  }
  return Object.fromEntries(claims);
}
