// What every transport has to do, against upstreams of raw bytes. A function over the transport's constructor: each
// implementation's test file runs all of it.

import type { Test } from 'tap';
import type { Transport, TransportOptions } from '../../../src/gateway/upstream/transports/transport.ts';
import { type RawConnection, RawUpstream } from '../../support/raw-upstream.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { testAnswers } from './transport-answers.ts';
import { testCalls } from './transport-calls.ts';
import { testFailures } from './transport-failures.ts';
import { testRequests } from './transport-requests.ts';

export interface TransportKind {
  create(options: TransportOptions): Transport;
  /** It takes 100 Continue, which nobody asked for, for the end of the connection. */
  readonly refusesContinue?: boolean;
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
  testAnswers(t, connect, kind);
  testFailures(t, connect);
  testRequests(t, connect);
  testCalls(t, connect);
}
