// Pieces of request bodies that are kept until a backend wants them (bytes that come with the head arrive before the
// policies are done; the client is paused meanwhile), or until it will not want them again. Bounded for the whole worker.

import type { Exchange } from './exchange.ts';

// What all exchanges of one worker may hold of bodies. A single read of uWebSockets.js brings up
// to 512 KiB, paused or not.
export const KEPT_BYTES_MAX = 64 * 1024 * 1024;

// Of one body, in case it has to be sent again. Forms and API calls are smaller; what is larger is sent once.
const REPEATED_BYTES_MAX = 64 * 1024;
// Of all such; the rest of the room is for bodies that have been nowhere yet.
const REPEATED_BYTES_MAX_TOTAL = KEPT_BYTES_MAX / 2;

/** Keep a piece, and let no more come. @returns false when the worker holds too much already */
export function keepBody(x: Exchange, chunk: Buffer): boolean {
  if (!holdBody(x, chunk)) return false;
  if (!x.bodyEnded && !x.bodyPaused) {
    x.bodyPaused = true;
    x.stream.pauseBody();
  }
  return true;
}

/** Keep a piece that goes on its way, in case it has to be sent again. @returns false when the body, or all of them, are too large */
export function rememberBody(x: Exchange, chunk: Buffer): boolean {
  if (x.bodyBytes > REPEATED_BYTES_MAX || x.plane.keptBodyBytes + chunk.length > REPEATED_BYTES_MAX_TOTAL) return false;
  return holdBody(x, chunk);
}

/** Keep a piece; the client goes on. @returns false when the worker holds too much already */
export function holdBody(x: Exchange, chunk: Buffer): boolean {
  if (x.plane.keptBodyBytes + chunk.length > KEPT_BYTES_MAX) return false;
  x.plane.keptBodyBytes += chunk.length;
  x.bodyChunks ??= [];
  x.bodyChunks.push(chunk);
  return true;
}

/** Hand what was kept to the backend that has just started, or starts again. */
export function releaseBody(x: Exchange): void {
  const chunks = x.bodyChunks;
  if (chunks !== undefined) {
    dropBody(x);
    chunks.forEach((chunk, index) => x.call?.sendBody(chunk, x.bodyEnded && index === chunks.length - 1));
  }
  if (x.bodyPaused && !x.bodyEnded && x.call !== undefined) {
    x.bodyPaused = false;
    x.stream.resumeBody();
  }
}

/** Forget what was kept. */
export function dropBody(x: Exchange): void {
  if (x.bodyChunks === undefined) return;
  for (const chunk of x.bodyChunks) x.plane.keptBodyBytes -= chunk.length;
  x.bodyChunks = undefined;
}
