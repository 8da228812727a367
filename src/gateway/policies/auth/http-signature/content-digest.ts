// Content-Digest: the digests of a request's body, as it was sent.
// @source  RFC 9530, sections 2 and 5

import { createHash, timingSafeEqual } from 'node:crypto';
import { isInnerList, parseDictionary } from '../../../../base/structured-fields.ts';

// Those that are still good; others that a client sends besides are passed over.
const HASHES: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' };

/** Whether the body has these digests: at least one that is known, and all that are. @param field  of all its lines */
export function hasDigests(body: Uint8Array, field: string): boolean {
  const digests = parseDictionary(field);
  let count = 0;
  for (const [name, member] of digests ?? []) {
    const hash = HASHES[name];
    if (hash === undefined) continue;
    if (isInnerList(member) || member.item.kind !== 'bytes') return false;
    const digest = createHash(hash).update(body).digest();
    if (digest.length !== member.item.value.length || !timingSafeEqual(digest, member.item.value)) return false;
    count++;
  }
  return count > 0;
}
