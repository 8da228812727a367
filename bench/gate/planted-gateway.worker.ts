// A gateway worker whose auth policy burns as many microseconds before it decides as the file says that SLUICE_BENCH_PLANT_FILE
// names. Everything else is the real worker.

import { readFileSync } from 'node:fs';
import { monotonicClock } from '../../src/base/clock.ts';
import { type GatewayWorkerData, runGatewayWorker } from '../../src/gateway/gateway-worker.ts';
import { authRun } from '../../src/gateway/policies/auth/run.ts';
import { definePolicyRun, type PolicyRun } from '../../src/gateway/policies/policy-run.ts';
import { policyRuns } from '../../src/gateway/policies/run-registry.ts';
import { createTransport } from '../../src/gateway/upstream/transports/create-transport.ts';
import { sink } from '../support/sink.ts';
import { PLANT_VARIABLE } from './plant.ts';

const CALIBRATION_RUNS = 50;
// Some 100 µs, a thousand times what the clock can tell apart.
const CALIBRATION_LOOPS = 100_000;

// A reading takes some 20 µs: 0.01 % of the time.
const READ_INTERVAL_MS = 200;

const file = process.env[PLANT_VARIABLE];
if (file === undefined) throw new Error(`${PLANT_VARIABLE} names no file`);

const loopsPerUs = measureLoopsPerUs();
let plantLoops = readPlantUs(file) * loopsPerUs;
setInterval(() => {
  plantLoops = readPlantUs(file) * loopsPerUs;
}, READ_INTERVAL_MS).unref();

const slowAuth: PolicyRun = definePolicyRun<never>({
  name: authRun.name,
  prepare: (plan, snapshot, shm) => {
    const step = authRun.prepare(plan, snapshot, shm);
    return {
      run(x) {
        sink.number += burn(plantLoops);
        return step.run(x);
      },
    };
  },
});

/** By count, not by the clock: time in which the thread does not run is no work done. */
function burn(loops: number): number {
  let state = 1;
  for (let loop = 0; loop < loops; loop++) state = Math.imul(state, 48_271) ^ loop;
  return state;
}

/** The quickest of 50 runs: the others were interrupted. */
function measureLoopsPerUs(): number {
  let quickestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < CALIBRATION_RUNS; run++) {
    const startedMs = performance.now();
    sink.number += burn(CALIBRATION_LOOPS);
    quickestMs = Math.min(quickestMs, performance.now() - startedMs);
  }
  return CALIBRATION_LOOPS / (quickestMs * 1_000);
}

/** What it was, while the file is being written. */
function readPlantUs(file: string): number {
  const text = readFileSync(file, 'utf8');
  return text === '' ? plantLoops / loopsPerUs : Number(text);
}

export default function plantedGatewayWorker(data: GatewayWorkerData): Promise<void> {
  return runGatewayWorker(data, {
    clock: monotonicClock(),
    policies: policyRuns.map((policy) => (policy.name === slowAuth.name ? slowAuth : policy)),
    createTransport,
  });
}
