// Request bodies that a policy reads before they go upstream: kept until the last byte is there, while the exchange is parked. Bounded
// in bytes of one, in bytes of all, and in number: what waits here was asked for by callers who are not known yet.

import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { KEPT_BYTES_MAX } from './kept-body.ts';

// Of a worker; the other half is for bodies that wait for backends and stores.
export const GATHERED_BYTES_MAX_TOTAL = KEPT_BYTES_MAX / 2;
// Of a worker's 1,024 parked exchanges, so that slow bodies cannot take all places.
export const GATHERED_COUNT_MAX = 256;
const WAIT_MS = 30_000;

const EMPTY = Buffer.alloc(0);

/**
 * Wait until the whole body is there. Whoever asks is asked again then.
 * @param bytesMax  of the body; a longer one is refused
 * @returns ADMIT when it is there; an error's id; or what Parking.park returns
 */
export function awaitBody(x: Exchange, bytesMax: number): Verdict {
  if (bytesMax < x.bodyBytesMax) x.bodyBytesMax = bytesMax;
  if (x.bodyLength > bytesMax || x.bodyBytes > bytesMax) return errors.BODY_TOO_LARGE.id;
  if (x.bodyEnded) return ADMIT;
  const { plane } = x;
  if (plane.gatheringCount >= GATHERED_COUNT_MAX) return errors.PARKING_FULL.id;
  const verdict = plane.parking.park(x, `body ${++plane.lastGathering}`, WAIT_MS, errors.REQUEST_TIMEOUT.id);
  if (verdict === errors.PARKING_FULL.id) return verdict;
  x.isGathering = true;
  plane.gatheringCount++;
  if (x.bodyPaused) {
    x.bodyPaused = false;
    x.stream.resumeBody();
  }
  return verdict;
}

/** The next piece of a body that is waited for. @returns false when the worker holds too much already */
export function gatherBody(x: Exchange, chunk: Buffer, last: boolean): boolean {
  const { plane } = x;
  if (plane.keptBodyBytes + chunk.length > GATHERED_BYTES_MAX_TOTAL) return false;
  plane.keptBodyBytes += chunk.length;
  x.bodyChunks ??= [];
  x.bodyChunks.push(chunk);
  if (last) plane.parking.wake(x.parkKey);
  return true;
}

/** It waits no more, whatever became of it. */
export function endGathering(x: Exchange): void {
  if (!x.isGathering) return;
  x.isGathering = false;
  x.plane.gatheringCount--;
}

/** What is there of the body; it stays where it is. @returns in one piece, not to be changed */
export function bodyBytesOf(x: Exchange): Buffer {
  const chunks = x.bodyChunks;
  if (chunks === undefined) return EMPTY;
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}
