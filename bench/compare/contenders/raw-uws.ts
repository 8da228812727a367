import { startUpstream } from '../../support/start-upstream.ts';
import type { Contender } from '../contender.ts';

/** The upstream itself on the gateway's core: what HTTP costs on this machine with nothing behind it. Not a proxy. */
export const rawUws: Contender = {
  name: 'raw uWS',
  job: 'answers itself, proxies nothing; one process',
  warmUpSeconds: 2,
  missing: () => undefined,
  start: ({ core }) => startUpstream(core),
};
