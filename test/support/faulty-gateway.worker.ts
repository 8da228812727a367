// A gateway worker whose concurrency policy obeys the request header X-Test: it throws, hangs or waits as told. Everything
// else is the real worker.

import { monotonicClock } from '../../src/base/clock.ts';
import { type GatewayWorkerData, runGatewayWorker } from '../../src/gateway/gateway-worker.ts';
import { ADMIT, errors, type Verdict } from '../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import { concurrencyRun } from '../../src/gateway/policies/concurrency/run.ts';
import { definePolicyRun, type PolicyRun } from '../../src/gateway/policies/policy-run.ts';
import { policyRuns } from '../../src/gateway/policies/run-registry.ts';
import { createTransport } from '../../src/gateway/upstream/transports/create-transport.ts';

// Longer than any test waits: opening 1,024 connections at once may take seconds on a busy machine.
const WAIT_MS = 20_000;

const obedient: PolicyRun = definePolicyRun({
  name: concurrencyRun.name,
  prepare: () => ({ run: (x: Exchange) => obey(x, x.header('x-test'), x.header('x-test-key')) }),
});

/** Keys that a grant was given to: a waiting policy that is run again finds it. */
const granted = new Map<string, number>();

function obey(x: Exchange, order: string, key: string): Verdict {
  switch (order) {
    case 'throw':
      throw new Error('told to throw in the handler');
    case 'throw-later':
      setImmediate(() => {
        throw new Error('told to throw later');
      });
      return ADMIT;
    case 'hang':
      hang(Number(key));
      return ADMIT;
    case 'wait':
      return x.plane.parking.park(x, key, WAIT_MS, errors.DECISION_TIMEOUT.id);
    case 'wait-briefly':
      return x.plane.parking.park(x, key, 50, errors.DECISION_TIMEOUT.id);
    case 'wait-open':
      return x.plane.parking.park(x, key, 50, ADMIT);
    case 'take':
      return take(x, key);
    case 'wake':
      x.plane.parking.wake(key, ADMIT);
      return ADMIT;
    case 'refuse-waiting':
      x.plane.parking.wake(key, errors.RATE_LIMITED.id);
      return ADMIT;
    case 'grant-two':
      granted.set(key, (granted.get(key) ?? 0) + 2);
      x.plane.parking.wake(key);
      return ADMIT;
    default:
      return ADMIT;
  }
}

/** Takes one of the key's grants, or waits for some: as a limit does whose tokens come from a store. */
function take(x: Exchange, key: string): Verdict {
  const left = granted.get(key) ?? 0;
  if (left === 0) return x.plane.parking.park(x, key, WAIT_MS, errors.DECISION_TIMEOUT.id);
  granted.set(key, left - 1);
  return ADMIT;
}

function hang(ms: number): void {
  const until = Date.now() + ms;
  while (Date.now() < until);
}

export default function faultyGatewayWorker(data: GatewayWorkerData): Promise<void> {
  return runGatewayWorker(data, {
    clock: monotonicClock(),
    policies: policyRuns.map((policy) => (policy.name === obedient.name ? obedient : policy)),
    createTransport,
  });
}
