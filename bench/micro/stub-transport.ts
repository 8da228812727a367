// An upstream that is not there: it answers when it is told to, with an answer made ahead.

import type { AnswerHead } from '../../src/gateway/upstream/transports/answer-head.ts';
import { headOfFields } from '../../src/gateway/upstream/transports/head-of-fields.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  UpstreamRequest,
} from '../../src/gateway/upstream/transports/transport.ts';

const BODY = Buffer.from('x'.repeat(860));

const HEAD = headOfFields(
  200,
  ['Content-Type', 'application/json', 'Cache-Control', 'max-age=0', 'Content-Length', String(BODY.length)].map(
    (text) => Buffer.from(text),
  ),
) as AnswerHead;

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
    handler.onHead(HEAD);
    handler.onChunk(BODY);
    handler.onEnd();
  }

  close(): void {}

  destroy(): Promise<void> {
    return Promise.resolve();
  }
}
