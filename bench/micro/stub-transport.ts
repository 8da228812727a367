// An upstream that is not there: it answers when it is told to, with an answer made ahead.

import type {
  AnswerHandler,
  Transport,
  TransportCall,
  UpstreamRequest,
} from '../../src/gateway/upstream/transports/transport.ts';

const BODY = Buffer.from('x'.repeat(860));

const call: TransportCall = {
  sendBody: () => true,
  pause() {},
  resume() {},
  cancel() {},
};

export class StubTransport implements Transport {
  #waiting: AnswerHandler | undefined;

  send(_request: UpstreamRequest, handler: AnswerHandler): TransportCall {
    this.#waiting = handler;
    return call;
  }

  /** The answer to the last request. @throws when there was none: the gateway refused it */
  answer(): void {
    const handler = this.#waiting;
    if (handler === undefined) throw new Error('no request went upstream');
    this.#waiting = undefined;
    // A list of its own each time, as a parser makes it.
    handler.onHead(200, [
      ...['content-type', 'application/json', 'cache-control', 'max-age=0', 'content-length', String(BODY.length)],
    ]);
    handler.onChunk(BODY);
    handler.onEnd();
  }

  close(): void {}

  destroy(): Promise<void> {
    return Promise.resolve();
  }
}
