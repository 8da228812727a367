// The table of differences, its page and its tests are one.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { differences } from './raw-cases.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, 'test/integration');

t.test('docs/http.md has every row of the table of differences, and no other', async (t) => {
  const page = readFileSync(join(root, 'docs/http.md'), 'utf8');
  const section = page.slice(page.indexOf('\n## Differences'));
  const rows = [...section.matchAll(/^\| ([a-z0-9.-]+) \| \S.* \| \S.* \|$/gm)].map((match) => match[1]);
  // The first two are the table's head.
  t.same(rows.slice(2).sort(), Object.keys(differences).sort());
});

t.test('every row of the table of differences is used by a test', async (t) => {
  const sources = readdirSync(folder)
    .filter((name) => /^raw-.*\.test\.ts$/.test(name) && name !== 'raw-differences.test.ts')
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  for (const row of Object.keys(differences)) {
    t.ok(new RegExp(`(?:row: |row = |forwardsApart: )'${row}'|// ${row}\\b`).test(sources), row);
  }
});
