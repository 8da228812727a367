import { fileURLToPath } from 'node:url';
import { startServer } from '../../support/start-server.ts';
import type { Contender } from '../contender.ts';

const program = fileURLToPath(new URL('./fastify-proxy.js', import.meta.url));

export const fastifyProxy: Contender = {
  name: '@fastify/http-proxy',
  job: 'proxying only, undici, keep-alive; one process',
  warmUpSeconds: 15,
  missing: () => undefined,
  start: ({ upstreamPort, core }) =>
    startServer(core, [process.execPath, program, String(upstreamPort)], /port (\d+)\n/),
};
