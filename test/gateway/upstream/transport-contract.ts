// What every transport has to do, against upstreams of raw bytes. A function over the transport's constructor: each
// implementation's test file runs all of it.

import type { Test } from 'tap';
import type {
  Transport,
  TransportFailure,
  TransportOptions,
} from '../../../src/gateway/upstream/transports/transport.ts';
import { type RawConnection, RawUpstream } from '../../support/raw-upstream.ts';
import { testAnswers } from './transport-answers.ts';
import { testCalls } from './transport-calls.ts';
import { testConnections } from './transport-connections.ts';
import { testFailures } from './transport-failures.ts';
import { testRequests } from './transport-requests.ts';

export interface TransportKind {
  create(options: TransportOptions): Transport;
  /** By the names of answer scripts (scripts/): what it tells instead, and why it cannot do better. */
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
    const transport = kind.create({
      origin: upstream.origin,
      connectTimeoutMs: 5_000,
      connectionsMax: 1,
      ...options,
    });
    t.teardown(async () => {
      await transport.destroy();
      await upstream.close();
    });
    return { upstream, transport };
  };
  testAnswers(t, connect, kind);
  testFailures(t, connect);
  testConnections(t, connect);
  testRequests(t, connect);
  testCalls(t, connect);
}
