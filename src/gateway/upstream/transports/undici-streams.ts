// What undici leaves out of HTTP/2. For a stream that the upstream has cancelled (RST_STREAM with CANCEL), Node tells of an
// end and of no error, and undici takes any end for the whole answer's: a truncated one would look complete. Here each
// stream's end is seen first.

import type { ClientHttp2Session } from 'node:http2';
import { assert } from '../../../base/assert.ts';

/**
 * To be called when the client has connected, and before it sends anything: undici's event 'connect' comes then.
 * @param client  undici's, speaking HTTP/2
 * @param resets  is told of a reset while undici tells of an end
 */
export function watchStreams(client: object, resets: { isUnderWay: boolean }): void {
  const session = sessionOf(client);
  const request = session.request.bind(session);
  session.request = (...args) => {
    const stream = request(...args);
    stream.once('end', () => {
      resets.isUnderWay = stream.rstCode !== 0;
    });
    // By then undici listens, too.
    queueMicrotask(() => {
      stream.once('end', () => {
        resets.isUnderWay = false;
      });
    });
    return stream;
  };
}

// There is no public way to it. undici's version is fixed, and a test resets a stream.
function sessionOf(client: object): ClientHttp2Session {
  const symbol = Object.getOwnPropertySymbols(client).find(({ description }) => description === 'http2Session');
  const session = symbol === undefined ? undefined : (client as Record<symbol, unknown>)[symbol];
  assert(session !== undefined && session !== null, 'a client that speaks HTTP/2 has its session');
  return session as ClientHttp2Session;
}
