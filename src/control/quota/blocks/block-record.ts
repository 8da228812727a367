// The store's side of quotas over many instances: one counter per quota, key and window, from which holders take blocks of whole
// tokens. As a pure function; block-script.ts is the same inside Redis.
//
// NEVER OVER. A holder spends nothing that it was not granted, and what is granted is counted first: all that was ever granted in
// a window, less what was given back, is `taken` ≤ limit. A block whose holder crashes stays counted (stranded), never free.
//
// REPLIES THAT ARE LOST. A holder asks again with the same sequence, and is told the same again: nothing is granted or given back
// twice.
//
// DATA THAT IS LOST. Each holder says how much of its own it knows of. What the store does not know of any more is added; until
// all who live have said so (REBUILD_US after the marker was made), nothing is granted. What a holder had that never comes back
// is forgotten with the data: holders keep their totals on disk for as long as their window lasts. A report (sequence 0) is for
// whoever has that disk: it says what a holder has, leaves its requests alone, and may be repeated. Whoever has many to send
// holds the store: nothing is granted for REBUILD_US after the last of them.

import type { StoreMarker } from '../store-marker.ts';

/** Until a store that has lost its data has heard from all who live (loss-reporter.ts). */
export const REBUILD_US = 3_000_000;

/** Of what is left, at most this part is one block: the last ones are single tokens. */
export const BLOCK_PART = 1 / 16;

/**
 * Holders that are remembered, per window. What others take is counted, but a lost reply strands their block, they can give nothing
 * back, and what they report does not count.
 */
export const BLOCK_HOLDER_COUNT_MAX = 4_096;

/** Beyond its end, a window's counter is kept for late returns. */
export const WINDOW_GRACE_MS = 60_000;

export interface BlockRequest {
  /** Whole tokens of the window. */
  readonly limit: number;
  readonly holder: string;
  /** Grows with every request of this holder; the same when it asks again; 0 for a report. */
  readonly sequence: number;
  /** All that the holder knows it was granted in this window, less what it gave back, `returned` included. */
  readonly total: number;
  readonly returned: number;
  readonly wanted: number;
  /** When the window is over, ms since 1970; 0 when it never is. */
  readonly endMs: number;
  /** Of a report: there are more to come. */
  readonly holds?: boolean;
}

export const blockStatus = { granted: 0, stale: 1, recovering: 2 } as const;

export interface BlockReply {
  readonly status: (typeof blockStatus)[keyof typeof blockStatus];
  readonly granted: number;
  /** Tokens that are left for all, after this. */
  readonly remaining: number;
}

export interface BlockRecord {
  taken: number;
  /** By holder: the last request's sequence, what it was granted, and all that it has. */
  holders: Map<string, { sequence: number; granted: number; total: number }>;
}

/** What vouches for all records of a store. */
export interface BlockVoucher extends StoreMarker {
  /** Nothing is granted before, µs of the store's clock. */
  readonly holdUntilUs: number;
}

/** @param stored  changed in place */
export function answerBlock(
  stored: BlockRecord | undefined,
  voucher: BlockVoucher,
  request: BlockRequest,
  nowUs: number,
): { readonly reply: BlockReply; readonly record: BlockRecord; readonly holdUntilUs: number } {
  const record = stored ?? { taken: 0, holders: new Map() };
  const known = record.holders.get(request.holder);
  const { holdUntilUs } = voucher;
  const left = (): number => Math.max(0, request.limit - record.taken);
  const isReport = request.sequence === 0;
  if (!isReport && known !== undefined && request.sequence <= known.sequence) {
    const isAgain = request.sequence === known.sequence;
    const status = isAgain ? blockStatus.granted : blockStatus.stale;
    return { reply: { status, granted: isAgain ? known.granted : 0, remaining: left() }, record, holdUntilUs };
  }
  const isKept = known !== undefined || record.holders.size < BLOCK_HOLDER_COUNT_MAX;
  let total = 0;
  if (known !== undefined) {
    const returned = Math.min(request.returned, known.total);
    record.taken -= returned;
    total = known.total - returned;
  }
  if (isKept) {
    record.taken += Math.max(0, request.total - total);
    total = Math.max(total, request.total);
  }
  // A clock that was put back holds nobody.
  const isHeld = nowUs < holdUntilUs && holdUntilUs <= nowUs + REBUILD_US;
  const isRecovering = isHeld || nowUs < voucher.bornUs + REBUILD_US;
  const block = Math.max(1, Math.floor(left() * BLOCK_PART));
  const granted = isRecovering ? 0 : Math.min(request.wanted, block, left());
  record.taken += granted;
  total += granted;
  if (isKept) {
    const last = isReport ? { sequence: known?.sequence ?? 0, granted: known?.granted ?? 0 } : { ...request, granted };
    record.holders.set(request.holder, { sequence: last.sequence, granted: last.granted, total });
  }
  const status = isRecovering ? blockStatus.recovering : blockStatus.granted;
  const reply = { status, granted, remaining: left() };
  return { reply, record, holdUntilUs: request.holds === true ? nowUs + REBUILD_US : holdUntilUs };
}
