// A gateway worker that samples its own allocations, and says what survives a collection. Everything else is the real worker.

import { type HeapProfiler, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel } from 'node:worker_threads';
import { monotonicClock } from '../../src/base/clock.ts';
import { type GatewayWorkerData, runGatewayWorker } from '../../src/gateway/gateway-worker.ts';
import { policyRuns } from '../../src/gateway/policies/run-registry.ts';
import { createTransport } from '../../src/gateway/upstream/transports/create-transport.ts';
import { HEAP_CHANNEL, type HeapAnswer, type HeapOrder } from './heap-message.ts';

// A sample for every 16 KiB: some thousand a second, each a walk over the stack.
const SAMPLING_INTERVAL_BYTES = 16_384;
// What a collection frees may free more in the next one: weak references, finalizers.
const COLLECTIONS = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const session = new Session();
session.connect();

const channel = new BroadcastChannel(HEAP_CHANNEL);
channel.onmessage = (message) => {
  const { data } = message as { data: HeapOrder };
  void obey(data).then((answer) => channel.postMessage(answer));
};
// It does not keep the thread alive.
channel.unref();

async function obey(order: HeapOrder): Promise<HeapAnswer> {
  switch (order) {
    case 'start':
      await startSampling();
      return {};
    case 'stop':
      return { profile: await stopSampling() };
    case 'used':
      return used();
  }
}

function startSampling(): Promise<void> {
  const options = {
    samplingInterval: SAMPLING_INTERVAL_BYTES,
    // Else only what is still alive at the end would count.
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  return new Promise((resolve, reject) => {
    session.post('HeapProfiler.startSampling', options, (error) => (error === null ? resolve() : reject(error)));
  });
}

function stopSampling(): Promise<HeapProfiler.SamplingHeapProfile> {
  return new Promise((resolve, reject) => {
    session.post('HeapProfiler.stopSampling', (error, result) => {
      if (error === null) resolve(result.profile);
      else reject(error);
    });
  });
}

async function used(): Promise<HeapAnswer> {
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heapBytes: heapUsed, bufferBytes: arrayBuffers };
}

export default function profiledGatewayWorker(data: GatewayWorkerData): Promise<void> {
  return runGatewayWorker(data, {
    clock: monotonicClock(),
    policies: policyRuns,
    createTransport,
  });
}
