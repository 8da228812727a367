// One entry of the audit log, and the chain that entries make.
//
// An entry is a JSON object with these members, written in the one way that RFC 8785 (JSON Canonicalization Scheme) has for it:
// members sorted by name, no spaces. `hash` is SHA-256, in hexadecimal, over the UTF-8 bytes of the same object without `hash`;
// `previous` is the hash of the entry before, 64 zeros for the first. So no entry can be changed, removed, put in or moved
// without changing the hash of every later one; what was cut off at the end shows by a head that somebody wrote down elsewhere.

import { createHash } from 'node:crypto';
import { assert } from '../../base/assert.ts';
import { redact } from './redact.ts';

/** What somebody does, or tried to. */
export interface AuditDeed {
  /** Who: an operator's name; file, process or nobody for what no operator did. */
  readonly operator: string;
  /** The peer's, '' where there is none. */
  readonly address: string;
  /** admin:CreateKey */
  readonly action: string;
  /** consumer/alice/key/alice-2 */
  readonly resource: string;
  /** accepted if not said. */
  readonly outcome?: AuditOutcome;
  /** What it was and what it is to be, as JSON; absent: nothing. Secrets are not to be in it (members that look like one are blanked). */
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * accepted: allowed, and written down before it was done. failed: what was accepted has not been done, `after.why` says why.
 * refused: not allowed.
 */
export type AuditOutcome = 'accepted' | 'failed' | 'refused';

export interface AuditEntry {
  /** 1 for the first. */
  readonly sequence: number;
  /** 2026-11-26T10:00:00.000Z */
  readonly time: string;
  readonly operator: string;
  readonly address: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: AuditOutcome;
  /** null: nothing. */
  readonly before: unknown;
  readonly after: unknown;
  readonly previous: string;
  readonly hash: string;
}

/** The last entry. */
export interface AuditHead {
  /** 0: there is none. */
  readonly sequence: number;
  readonly hash: string;
}

export const EMPTY_HEAD: AuditHead = { sequence: 0, hash: '0'.repeat(64) };
/** Of one of the two; what is larger is named by its digest. */
export const DETAIL_BYTES_MAX = 16_384;
const WORD_CHARS_MAX = 512;
const DEPTH_MAX = 32;

/** @returns the entry that follows `head` */
export function sealEntry(deed: AuditDeed, head: AuditHead, timeMs: number): AuditEntry {
  const unsealed = {
    sequence: head.sequence + 1,
    time: new Date(timeMs).toISOString(),
    operator: word(deed.operator),
    address: word(deed.address),
    action: word(deed.action),
    resource: word(deed.resource),
    outcome: deed.outcome ?? 'accepted',
    before: detail(deed.before),
    after: detail(deed.after),
    previous: head.hash,
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

/** @param entry  without its hash, or with it */
export function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const { hash: _hash, ...unsealed } = entry as AuditEntry;
  return createHash('sha256').update(canonicalJson(unsealed)).digest('hex');
}

/**
 * @param value  what JSON can say
 * @returns its one text
 * @source RFC 8785: members sorted by UTF-16 code units, numbers and texts as ECMAScript prints them
 */
export function canonicalJson(value: unknown, depth = 0): string {
  assert(depth <= DEPTH_MAX, 'what is written down is not nested without end');
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null, depth + 1)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member, depth + 1)}`).join(',')}}`;
}

function word(text: string): string {
  return text.slice(0, WORD_CHARS_MAX);
}

function detail(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const text = canonicalJson(redact(JSON.parse(JSON.stringify(value))));
  if (Buffer.byteLength(text) <= DETAIL_BYTES_MAX) return JSON.parse(text);
  return { omittedBytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
}
