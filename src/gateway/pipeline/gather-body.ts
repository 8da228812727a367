// A policy that needs the whole body before it decides: the exchange is parked until the body has come, within the policy's bound.

import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { holdBody } from './kept-body.ts';
import { refuse } from './respond.ts';

// 1 MiB in so long is a slow client's.
const GATHER_MS = 30_000;

/**
 * @param bytesMax  at least 1
 * @returns ADMIT: the whole body lies in x.bodyChunks; else an error's id, or WAIT: it is asked again
 */
export function gatherBody(x: Exchange, bytesMax: number): Verdict {
  if (x.bodyLength > bytesMax || x.bodyBytes > bytesMax) return errors.BODY_TOO_LARGE.id;
  if (x.bodyEnded) return ADMIT;
  const key = `body ${++x.plane.gatheredBodies}`;
  const verdict = x.plane.parking.park(x, key, GATHER_MS, errors.REQUEST_TIMEOUT.id);
  if (verdict === errors.PARKING_FULL.id) return verdict;
  x.isGathering = true;
  x.gatheredBytesMax = bytesMax;
  if (x.bodyPaused) {
    x.bodyPaused = false;
    x.stream.resumeBody();
  }
  return verdict;
}

/** The next piece of a body that is gathered. */
export function takePiece(x: Exchange, chunk: Buffer, last: boolean): void {
  if (!holdBody(x, chunk)) return refuse(x, errors.PARKING_FULL.id);
  if (!last && x.bodyBytes <= x.gatheredBytesMax) return;
  x.isGathering = false;
  if (!last) {
    x.bodyPaused = true;
    x.stream.pauseBody();
  }
  x.plane.parking.wake(x.parkKey);
}
