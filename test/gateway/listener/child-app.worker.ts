// A worker thread with an app that does not listen: it answers with its own number, and ends when it is told to.

import { strict as assert } from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { loadUws, uwsBuild } from '../../../src/gateway/listener/load-uws.ts';

const port = parentPort;
assert(port !== null);
const app = loadUws().App();
app.any('/*', (res) => {
  res.end(String(workerData));
});
port.once('message', () => {
  app.close();
  setImmediate(() => port.close());
});
port.postMessage({ descriptor: app.getDescriptor(), sha256: uwsBuild().sha256 });
