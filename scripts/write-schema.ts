// Writes docs/sluice.schema.json, from which editors complete sluice.yaml. Run from the checkout's root after a build:
// node dist/scripts/write-schema.js

import { writeFileSync } from 'node:fs';
import { jsonSchema } from '../src/control/config/file-schema.ts';

writeFileSync('docs/sluice.schema.json', `${JSON.stringify(jsonSchema(), null, 2)}\n`);
