// The house rules that neither the compiler nor a linter holds.

import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { ERROR_ID_COUNT, type ErrorSpec, errorCodes, errors } from '../src/gateway/pipeline/errors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FILE_LINES_MAX = 400;
const specs: readonly (readonly [string, ErrorSpec])[] = Object.entries(errors);

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Files under a folder of the project, as src/base/clock.ts. */
function list(folder: string, ending: RegExp): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules') && !name.startsWith('dist/'))
    .map((name) => `${folder}/${name}`)
    .filter((name) => ending.test(name))
    .sort();
}

/** Comments may mention what code may not. */
function withoutComments(source: string): string {
  return source.replace(/^[ \t]*\/\*[\s\S]*?\*\/|(?:^|\s)\/\/.*$/gm, '');
}

const product = [
  ...['src', 'workers', 'loadtest'].flatMap((room) => list(room, /\.ts$/)),
  ...list('portal', /\.tsx?$/),
];

t.test('the rules below see the product', async (t) => {
  t.ok(product.includes('src/gateway/pipeline/errors.ts'));
  t.ok(list('src/shm', /\.ts$/).length > 0);
});

t.test('no file of the product is longer than 400 lines', async (t) => {
  const long = product.filter((file) => read(file).trimEnd().split('\n').length > FILE_LINES_MAX);
  t.same(long, []);
});

t.test('only src/shm says Atomics', async (t) => {
  const outside = product.filter((file) => !file.startsWith('src/shm/'));
  t.same(
    outside.filter((file) => /\bAtomics\b/.test(withoutComments(read(file)))),
    [],
  );
});

t.test('every file of src/shm opens with a comment that has a table', async (t) => {
  for (const file of list('src/shm', /\.ts$/)) {
    const header = /^(?:\/\/.*\n)+/.exec(read(file))?.[0] ?? '';
    t.match(header, /^\/\/ {3}\S+ {2,}\S.*\n\/\/ {3}-{10,}\n\/\/ {3}\S/m, file);
  }
});

t.test('no room is called utils, helpers, common or types', async (t) => {
  const rooms = new Set(product.flatMap((file) => file.replace(/\.tsx?$/, '').split('/')));
  t.same(
    ['utils', 'util', 'helpers', 'helper', 'common', 'types'].filter((name) => rooms.has(name)),
    [],
  );
});

t.test('nothing in src is a default export', async (t) => {
  const defaults = /^export default\b|^export \{[^}]*\bas default\b/m;
  t.same(
    list('src', /\.ts$/).filter((file) => defaults.test(read(file))),
    [],
  );
});

t.test('ids of errors are 1 to ERROR_ID_COUNT - 1, each once', async (t) => {
  const ids = specs.map(([, { id }]) => id).sort((a, b) => a - b);
  t.same(
    ids,
    ids.map((_, index) => index + 1),
  );
  t.equal(ERROR_ID_COUNT, ids.length + 1);
  t.equal(errorCodes.length, ERROR_ID_COUNT);
  for (const [code, { id }] of specs) t.equal(errorCodes[id], code);
});

t.test('docs/errors.md lists every error as it is in the table, explains it, and lists no other', async (t) => {
  const page = read('docs/errors.md');
  const rows = [...page.matchAll(/^\| \[([A-Z_]+)\]\(#([a-z_]+)\) \| (.*) \|$/gm)];
  const listed = new Map(rows.map(([, code, , cells]) => [code, cells]));
  t.equal(rows.length, listed.size, 'no error is listed twice');
  t.same([...listed.keys()].sort(), specs.map(([code]) => code).sort());
  for (const [code, { status, source, retryable, title }] of specs) {
    t.equal(listed.get(code), `${status} | ${source} | ${retryable ? 'yes' : 'no'} | ${title}`, code);
  }
  t.ok(rows.every(([, code, anchor]) => code?.toLowerCase() === anchor));

  const explained = new Map(
    [...page.matchAll(/^## ([A-Z_]+)\n\n([^#]+?)\n*(?=\n## |$(?![\s\S]))/gm)].map((m) => [m[1], m[2]]),
  );
  t.same([...explained.keys()].sort(), specs.map(([code]) => code).sort());
  for (const [code, text] of explained) t.match(text, /\S: \S[\s\S]*\.$/, `${code}: cause, remedy`);
});

// Files that break the rules of .dependency-cruiser.cjs, with the rules that must say so. Without this, a rule whose
// pattern matches nothing would pass for years.
const offenders: Readonly<Record<string, readonly [source: string, ...rules: string[]]>> = {
  'src/base/a.ts': ["import '../shm/a.ts'; import 'zod'; import 'node:os';", 'base-imports-nothing'],
  'src/shm/a.ts': ["import '../gateway/a.ts';", 'shm-imports-base'],
  'src/gateway/a.ts': [
    "import type { A } from '../control/config/a.ts'; import 'uWebSockets.js'; import '@opentelemetry/otlp-transformer'; import 'ws'; export type B = A;",
    'gateway-imports-shm-and-base',
    'one-owner-of-uwebsockets',
    'one-owner-of-opentelemetry',
    'one-owner-of-ws',
  ],
  'src/gateway/listener/a.ts': ["import 'uWebSockets.js';"],
  'src/gateway/websocket/a.ts': ["import 'ws';"],
  'src/gateway/policies/x/config.ts': ["import 'zod';"],
  'src/gateway/policies/x/run.ts': ["import './config.ts';"],
  'src/gateway/snapshot.ts': ['export {};'],
  'src/gateway/permissions/a.ts': ['export {};'],
  'src/control/config/a.ts': [
    "import '../../gateway/policies/x/config.ts'; import '../../gateway/snapshot.ts'; import '../../gateway/permissions/a.ts'; export interface A {}",
  ],
  'src/control/admin/a.ts': [
    "import '../../gateway/policies/x/run.ts'; import '../../main.ts'; import 'piscina'; import 'ioredis'; import 'lmdb';",
    'control-knows-the-gateway-as-data',
    'control-stands-below-cli-and-main',
    'owners-of-piscina',
    'one-owner-of-ioredis',
    'owners-of-lmdb',
  ],
  'src/control/metering/ledger/a.ts': ["import 'lmdb';"],
  'src/control/workers/a.ts': ["import 'piscina';"],
  'src/main.ts': [
    "import './cli/a.ts'; import '../test/a.ts'; import '../loadtest/run-command.ts'; import 'typescript';",
    'product-stands-alone',
    'one-door-to-the-load-tests',
    'no-test-tools-in-the-product',
  ],
  'src/cli/a.ts': ["import './b.ts'; import './nothing.ts';", 'resolvable', 'no-cycles'],
  // A cycle is reported once.
  'src/cli/b.ts': ["import './a.ts'; import '../utils/a.ts';", 'no-junk-rooms'],
  'src/utils/a.ts': ['export {};'],
  'src/cli/loadtest.ts': ["import '../../loadtest/run-command.ts';"],
  'loadtest/run-command.ts': [
    "import '../src/base/a.ts'; import '../src/gateway/snapshot.ts'; import 'autocannon'; import 'hdr-histogram-js'; import 'typescript';",
    'load-tests-stand-outside',
    'owners-of-autocannon',
    'owners-of-hdr-histogram',
    'no-test-tools-in-the-product',
  ],
  'loadtest/load/a.ts': ["import 'autocannon'; import 'hdr-histogram-js';"],
  'test/a.ts': ['export {};'],
  'portal/a.ts': ["import '../src/main.ts';", 'portal-talks-http'],
  'workers/gateway.worker.ts': [
    "import '../src/gateway/policies/x/run.ts'; import '../src/control/workers/a.ts';",
    'gateway-worker-imports-the-data-plane',
    'gateway-worker-loads-no-schema',
  ],
  'workers/task.worker.ts': [
    "import '../src/control/config/a.ts'; import '../src/control/admin/a.ts';",
    'task-worker-imports-some-of-control',
  ],
};

t.test('every rule about imports catches what it forbids, and only that', async (t) => {
  const files = Object.entries(offenders);
  const folder = t.testdir(nest(files.map(([file, [source]]) => [file, source])));
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
    cpSync(join(root, file), join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

  const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [cruiser, '--output-type', 'json', 'src', 'workers', 'portal', 'loadtest'];
  // Its exit code is the number of errors.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 1e8 }).catch(
    (error: unknown) => error as { stdout: string },
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  const caught = new Set(summary.violations.map(({ from, rule }) => `${from} ${rule.name}`));
  // Found or not, it has one owner.
  caught.delete('src/control/admin/a.ts resolvable');
  const expected = files.flatMap(([file, [, ...rules]]) => rules.map((rule) => `${file} ${rule}`));
  t.same([...caught].sort(), expected.sort());

  const config = read('.dependency-cruiser.cjs');
  const rules = [...config.matchAll(/^ {6}name: '([^']+)'/gm)].map(([, name]) => name);
  t.same(rules.sort(), [...new Set(expected.map((name) => name.split(' ')[1]))].sort(), 'every rule is tried');
});

type Folder = { [name: string]: string | Folder };

/** a/b.ts → { a: { 'b.ts': … } } */
function nest(files: readonly (readonly [file: string, source: string])[]): Folder {
  const top: Folder = {};
  for (const [file, source] of files) {
    const names = file.split('/');
    const last = names.pop() ?? '';
    let folder = top;
    for (const name of names) {
      folder[name] ??= {};
      folder = folder[name] as Folder;
    }
    folder[last] = `${source}\n`;
  }
  return top;
}
