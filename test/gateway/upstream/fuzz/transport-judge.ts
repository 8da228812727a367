// A transport as the judge of answers: each comes to a request of its own, on a connection of its own.

import type { Test } from 'tap';
import type { Transport, TransportOptions } from '../../../../src/gateway/upstream/transports/transport.ts';
import { type RawConnection, RawUpstream } from '../../../support/raw-upstream.ts';
import { transportOptions } from '../../../support/transport-options.ts';
import { ask } from '../told-answer.ts';
import { type FuzzedAnswer, type Judge, piecesOf, type Verdict } from './verdict.ts';

// The system keeps the ports of closed connections for a minute: a long search needs more than one target has.
const ANSWERS_PER_UPSTREAM = 10_000;

type Create = (options: TransportOptions) => Transport;

/** Ends with the test. */
export async function transportJudge(t: Test, create: Create): Promise<Judge> {
  let bench = await TransportBench.open(create);
  t.teardown(() => bench.close());
  return async (answer) => {
    if (bench.answerCount >= ANSWERS_PER_UPSTREAM) {
      await bench.close();
      bench = await TransportBench.open(create);
    }
    return bench.judge(answer);
  };
}

class TransportBench {
  answerCount = 0;
  #answer: FuzzedAnswer = { bytes: '', isHead: false, cuts: [] };
  #asked: RawConnection | undefined;
  readonly #upstream: RawUpstream;
  readonly #transport: Transport;

  private constructor(upstream: RawUpstream, transport: Transport) {
    this.#upstream = upstream;
    this.#transport = transport;
  }

  static async open(create: Create): Promise<TransportBench> {
    const upstream = await RawUpstream.listen((connection) => bench.#serve(connection));
    const bench = new TransportBench(upstream, create(transportOptions({ origin: upstream.origin })));
    return bench;
  }

  async judge(answer: FuzzedAnswer): Promise<Verdict> {
    this.answerCount++;
    this.#answer = answer;
    const told = ask(this.#transport, { method: answer.isHead ? 'HEAD' : 'GET' });
    await told.settled;
    await this.#asked?.closed;
    const { outcome, status, headers, body, faults } = told;
    if (faults.length > 0) throw new Error(faults.join(', '));
    if (outcome === 'end') return { outcome, status, headers, body };
    // 'reset': not a byte came, or none that llhttp looks at. Anything else is no word about the answer.
    const isReset = outcome === 'reset' && /^[\r\n]*$/.test(answer.bytes);
    if (outcome !== 'invalid' && !isReset) throw new Error(`it failed: ${outcome}`);
    return { outcome: 'failed', status, headers, body };
  }

  async close(): Promise<void> {
    await this.#transport.destroy();
    await this.#upstream.close();
  }

  async #serve(connection: RawConnection): Promise<void> {
    if ((await connection.take()) === '') return;
    this.#asked = connection;
    await connection.sendInPieces(piecesOf(this.#answer));
    connection.end();
  }
}
