// How much of a quota is handed out at once: less as the remainder shrinks, so that a crash strands little.

// Of what is left; and what is not worth another transaction.
const SHARE = 16;
export const BLOCK_MIN = 8;

/** @param left  of the window @param wanted  by the demand @returns requests, at most what is left */
export function blockOf(left: number, wanted: number): number {
  const most = Math.max(BLOCK_MIN, Math.floor(left / SHARE));
  return Math.min(left, most, Math.max(BLOCK_MIN, wanted));
}
