import type { Contender } from '../contender.ts';
import { fastifyProxy } from './fastify.ts';
import { haproxy } from './haproxy.ts';
import { nginx, nginxJob } from './nginx.ts';
import { rawUws } from './raw-uws.ts';
import { sluice, sluicePipelined, sluicePlain, sluicePlainPipelined } from './sluice.ts';

/** In the order of the table. */
export const contenders: readonly Contender[] = [
  nginx,
  nginxJob,
  haproxy,
  fastifyProxy,
  rawUws,
  sluicePlain,
  sluice,
  sluicePlainPipelined,
  sluicePipelined,
];
