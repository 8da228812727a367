// One part of a token: base64url of a JSON object (RFC 7515, section 3).

// Whoever reads JSON may take the first of two members with one name, or the last (RFC 7519, section 4): a token that
// says two things is refused. Outside of its texts, JSON has one colon for each member.
const TEXTS = /"(?:[^"\\]|\\.)*"/g;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns undefined for anything else, also where a member comes twice */
export function readPart(encoded: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = UTF8.decode(Buffer.from(encoded, 'base64url'));
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const colons = text.replace(TEXTS, '').split(':').length - 1;
    return colons === memberCount(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** With those of its members: no deeper than JSON.parse went. */
function memberCount(value: object): number {
  const members = Object.values(value);
  let count = Array.isArray(value) ? 0 : members.length;
  for (const member of members) {
    if (typeof member === 'object' && member !== null) count += memberCount(member);
  }
  return count;
}
