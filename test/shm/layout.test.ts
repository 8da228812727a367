import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { layoutJson } from '../../scripts/write-layout.ts';

const run = promisify(execFile);
const root = new URL('../../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');

// The one puts the other tables together; the words of the other lie in other tables.
const WITHOUT_LAYOUT = ['shared-memory.ts', 'wide-counter.ts'];

t.test('native/layout.json says what src/shm says (npm run layout writes it)', async (t) => {
  t.equal(read('native/layout.json'), layoutJson());
});

t.test('every file of src/shm is in native/layout.json', async (t) => {
  const script = read('scripts/write-layout.ts');
  const files = readdirSync(new URL('src/shm', root)).filter((file) => !WITHOUT_LAYOUT.includes(file));
  t.same(
    files.filter((file) => !script.includes(`'../src/shm/${file}'`)),
    [],
  );
});

t.test('fields are aligned words that lie in their struct, each in a place of its own', async (t) => {
  const { structs } = JSON.parse(layoutJson()) as {
    structs: Record<string, { bytes: number; fields: Record<string, number> }>;
  };
  for (const [name, { bytes, fields }] of Object.entries(structs)) {
    const offsets = Object.values(fields);
    t.equal(bytes % 4, 0, name);
    t.ok(
      offsets.every((offset) => offset % 4 === 0 && offset < bytes),
      name,
    );
    t.equal(new Set(offsets).size, offsets.length, name);
  }
});

t.test('the Rust mirrors in native/ have the same layout', async (t) => {
  const cwd = fileURLToPath(new URL('native', root));
  const isCargoThere = await run('cargo', ['--version']).then(
    () => true,
    () => false,
  );
  if (!isCargoThere) return t.comment('cargo is missing: only the JSON was checked, not the Rust mirrors');
  await t.resolves(run('cargo', ['test', '--offline', '--quiet'], { cwd }), 'cargo test');
});
