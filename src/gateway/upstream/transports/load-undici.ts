// undici, when the first upstream needs it: its hundred files take a worker 90 ms of CPU, and most workers have no use for them. The
// first snapshot that has such an upstream is attached before its worker serves anybody, or else is late once by that time.

import { createRequire } from 'node:module';
import type * as Undici from 'undici';

const require = createRequire(import.meta.url);
let loaded: typeof Undici | undefined;

export function loadUndici(): typeof Undici {
  loaded ??= require('undici') as typeof Undici;
  return loaded;
}
