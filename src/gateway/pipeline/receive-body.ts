// The request's body on its way from the listener to whoever wants it.

import { errors } from './errors.ts';
import { type Exchange, Phase } from './exchange.ts';
import { keepBody } from './kept-body.ts';
import { DISCARDED_BYTES_MAX, refuse, sendAnswer } from './respond.ts';
import { gatherBody } from './whole-body.ts';

/**
 * The next piece of the body.
 * @param chunk  belongs to the exchange from here on
 */
export function receiveBody(x: Exchange, chunk: Buffer, last: boolean): void {
  if (x.phase === Phase.DONE) return;
  x.bodyEnded = last;
  x.bodyBytes += chunk.length;
  if (last && x.bodyPaused) {
    // Bytes that were read already come although the body is paused. A connection left so would neither read its next
    // request nor notice that its client has gone.
    x.bodyPaused = false;
    x.stream.resumeBody();
  }
  if (x.isBodyWatched !== !last) lookAfter(x, last);
  const isTooLarge = x.bodyBytes > x.bodyBytesMax;
  if (!isTooLarge) x.copy?.take(chunk);
  if (x.phase === Phase.DISCARDING) {
    if (last || x.bodyBytes > DISCARDED_BYTES_MAX) sendAnswer(x);
    return;
  }
  if (isTooLarge) {
    x.closeAfter = !last;
    refuse(x, errors.BODY_TOO_LARGE.id);
  } else if (x.call !== undefined) {
    x.call.sendBody(chunk, last);
  } else if (x.isGathering ? !gatherBody(x, chunk, last) : !keepBody(x, chunk)) {
    refuse(x, errors.PARKING_FULL.id);
  }
}

/** From its first piece that is not the last to its end. */
function lookAfter(x: Exchange, last: boolean): void {
  if (last) x.plane.slowBodies.leave(x);
  else if (x.snapshot.plan.bodyRateMin > 0) x.plane.slowBodies.watch(x);
}
