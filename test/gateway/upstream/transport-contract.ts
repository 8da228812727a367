// What every transport has to do, against upstreams of raw bytes. A function over the transport's constructor: each
// implementation's test file runs all of it.

import type { Test } from 'tap';
import type {
  Transport,
  TransportFailure,
  TransportOptions,
} from '../../../src/gateway/upstream/transports/transport.ts';
import { type RawConnection, RawUpstream } from '../../support/raw-upstream.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { answerScripts, testAnswers } from './transport-answers.ts';
import { testCalls } from './transport-calls.ts';
import { closingAnswers, testConnections } from './transport-connections.ts';
import { testEarlyAnswers } from './transport-early-answers.ts';
import { testFailures } from './transport-failures.ts';
import { testQueue } from './transport-queue.ts';
import { testRequests } from './transport-requests.ts';

export interface TransportKind {
  create(options: TransportOptions): Transport;
  /** By the names of answers (scripts/, closingAnswers): what it tells instead, and why it cannot do better. */
  readonly deviations?: ReadonlyMap<string, Deviation>;
}

export interface Deviation {
  readonly outcome: 'end' | TransportFailure;
  readonly reason: string;
}

/** An upstream of the test's own with a transport to it; both end with the test. */
export type Connect = (
  t: Test,
  serve: (connection: RawConnection, index: number) => Promise<void> | void,
  options?: Partial<TransportOptions>,
) => Promise<{ readonly upstream: RawUpstream; readonly transport: Transport }>;

export function testTransportContract(t: Test, kind: TransportKind): void {
  const connect: Connect = async (t, serve, options = {}) => {
    const upstream = await RawUpstream.listen(serve);
    const transport = kind.create(transportOptions({ origin: upstream.origin, ...options }));
    t.teardown(async () => {
      await transport.destroy();
      await upstream.close();
    });
    return { upstream, transport };
  };
  testDeviations(t, kind);
  testAnswers(t, connect, kind);
  testFailures(t, connect);
  testConnections(t, connect, kind);
  testQueue(t, connect);
  testRequests(t, connect);
  testEarlyAnswers(t, connect);
  testCalls(t, connect);
}

function testDeviations(t: Test, { deviations = new Map() }: TransportKind): void {
  t.test('every deviation is about an answer of the suite, and no two of those share a name', async (t) => {
    const names = [...answerScripts.map(({ name }) => name), ...Object.keys(closingAnswers)];
    t.same(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
    t.same(
      [...deviations.keys()].filter((name) => !names.includes(name)),
      [],
    );
  });
}
