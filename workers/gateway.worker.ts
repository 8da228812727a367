// piscina entry of a gateway worker: attach, run.

import { monotonicClock } from '../src/base/clock.ts';
import { type GatewayWorkerData, runGatewayWorker } from '../src/gateway/gateway-worker.ts';
import { policyRuns } from '../src/gateway/policies/run-registry.ts';
import { createTransport } from '../src/gateway/upstream/transports/create-transport.ts';

export default function gatewayWorker(data: GatewayWorkerData): Promise<void> {
  return runGatewayWorker(data, {
    clock: monotonicClock(),
    policies: policyRuns,
    createTransport,
  });
}

/** A task that only has the thread load all of this. */
export function load(): void {}
