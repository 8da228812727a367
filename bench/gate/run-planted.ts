// A program: the gateway with workers that waste time in every request (planted-gateway.worker.ts). Takes -c FILE.

import { parseArgs } from 'node:util';
import { main } from '../../src/main.ts';

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c', default: 'sluice.yaml' } } });
process.exit(
  await main({
    config: values.config,
    workers: undefined,
    workerFile: new URL('./planted-gateway.worker.js', import.meta.url).href,
  }),
);
