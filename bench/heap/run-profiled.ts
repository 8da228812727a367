// A program: the gateway with a worker that samples its allocations (profiled-gateway.worker.ts). Takes -c FILE. Prints 'control on
// PORT': GET /start, /stop and /used there are orders to the worker, answered in JSON.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { BroadcastChannel } from 'node:worker_threads';
import { main } from '../../src/main.ts';
import { HEAP_CHANNEL, type HeapAnswer, type HeapOrder, heapOrders } from './heap-message.ts';

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c', default: 'sluice.yaml' } } });

const channel = new BroadcastChannel(HEAP_CHANNEL);
const control = createServer((req, res) => {
  const order = heapOrders.find((each) => `/${each}` === req.url);
  if (order === undefined) return void res.writeHead(404).end();
  void give(order).then((answer) => res.end(JSON.stringify(answer)));
});
control.listen(0, '127.0.0.1', () => {
  process.stdout.write(`control on ${(control.address() as AddressInfo).port}\n`);
});
process.exit(
  await main({
    config: values.config,
    workers: undefined,
    workerFile: new URL('./profiled-gateway.worker.js', import.meta.url).href,
  }),
);

/** One order at a time. */
function give(order: HeapOrder): Promise<HeapAnswer> {
  return new Promise((resolve) => {
    channel.onmessage = (message) => resolve((message as { data: HeapAnswer }).data);
    channel.postMessage(order);
  });
}
