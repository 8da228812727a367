import { fileURLToPath } from 'node:url';
import type { SluiceConfigOptions } from '../../support/sluice-config.ts';
import { startSluice } from '../../support/start-sluice.ts';
import type { Contender } from '../contender.ts';

const program = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

export const sluicePlain: Contender = sluiceContender('sluice plain', 'proxying, metrics, X-Forwarded-*', 'plain');

export const sluice: Contender = sluiceContender(
  'sluice',
  'the same with API key, two limits and access log',
  'logged',
);

export const sluicePlainPipelined: Contender = sluiceContender(
  'sluice plain pipelined',
  'as sluice plain, with pipelining: 8',
  'plain',
  8,
);

export const sluicePipelined: Contender = sluiceContender(
  'sluice pipelined',
  'as sluice, with pipelining: 8',
  'logged',
  8,
);

function sluiceContender(
  name: string,
  job: string,
  kind: SluiceConfigOptions['kind'],
  pipelining: number = 1,
): Contender {
  return {
    name,
    job,
    // V8 goes on compiling for so long on a core that it shares with the load it serves: at 5 s a request costs 60 µs, here 45.
    warmUpSeconds: 15,
    missing: () => undefined,
    start: (options) => startSluice({ ...options, program, kind, pipelining }),
  };
}
