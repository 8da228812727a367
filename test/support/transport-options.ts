// What a transport is made with, for tests: what a test does not say is as sluice.yaml has it by default, on one connection.

import type { TransportOptions } from '../../src/gateway/upstream/transports/transport.ts';

export function transportOptions(
  parts: Partial<TransportOptions> & Pick<TransportOptions, 'origin'>,
): TransportOptions {
  return {
    socketPath: '',
    connectTimeoutMs: 5_000,
    connectionsMax: 1,
    connectionsMin: 0,
    idleTimeoutMs: 4_000,
    pipelining: 1,
    http2: false,
    tls: undefined,
    ...parts,
  };
}
