// Secrets have no business in the audit log. Whoever writes to it leaves them out; this is the net below.

const BLANK = '[redacted]';
// Members that hold a secret, or a digest of one that may be short enough to be guessed.
const SECRET =
  /^(?:.*secret|.*password|passphrase|token|authorization|cookie|.*privateKey|private_key|credential|credentials|sealed|sha256|hmac)$/i;
const DEPTH_MAX = 16;

/** @param value  as JSON.parse gives it @returns the same with secrets blanked, and what is nested too deep left out */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEPTH_MAX) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      SECRET.test(name) && typeof member !== 'object' ? BLANK : redact(member, depth + 1),
    ]),
  );
}
