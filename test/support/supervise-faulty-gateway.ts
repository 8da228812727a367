// `sluice run --supervise` over the faulty gateway: the real supervisor, another child.

import { fileURLToPath } from 'node:url';
import { supervise } from '../../src/cli/supervise.ts';

const script = fileURLToPath(new URL('./run-faulty-gateway.js', import.meta.url));
process.exit(await supervise(script, process.argv.slice(2)));
