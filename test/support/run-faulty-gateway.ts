// The gateway's process with workers that fail as told (faulty-gateway.worker.ts). Takes the arguments of `sluice run`.

import { parseArgs } from 'node:util';
import { main } from '../../src/main.ts';

const { values } = parseArgs({
  options: {
    config: { type: 'string', short: 'c', default: 'sluice.yaml' },
    workers: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});
process.exit(
  await main({
    config: values.config,
    workers: Number(values.workers),
    workerFile: new URL('./faulty-gateway.worker.js', import.meta.url).href,
  }),
);
