// `npm test`: runs the compiled tests with tap, and ends with the line 'N passed, N failed'.
//
//   node scripts/run-tests.mjs [--coverage] [test/base/clock.test.ts …]     some files only; all of them without one
//
// --coverage (`npm run coverage`) measures with c8 what the tests run, in worker threads and gateway processes too. It makes
// every process slower by a third, so that `npm test` does without.
//
// The exit code is tap's. It is 1, too, when the files that ran are not the files that are there: a pattern that matches
// too little would else pass in silence. Compiled tests whose source is gone are removed first, so that they do not run.
// Passing assertions are not printed (thousands of lines); failed ones, comments and one line per file are.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// Below two, one slow file holds up all others.
const JOB_COUNT_MIN = 2;
// A Redis or a gateway may have to start, on a machine that is busy with the other files.
const FILE_TIMEOUT_SECONDS = 120;

const C8 = [
  'node_modules/c8/bin/c8.js',
  '--include=dist/src/**',
  '--include=dist/workers/**',
  '--reporter=text-summary',
  '--reporter=lcovonly',
];

const COMPILED_PATTERN = 'dist/test/**/*.test.js';

const QUIET_LINES = /^\s+(?:ok \d+|1\.\.\d+|# Subtest:|# time=)|^\s*$/;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const chosenFiles = process.argv.slice(2).filter((argument) => argument !== '--coverage');
process.exitCode = await runTests(chosenFiles, process.argv.includes('--coverage'));

async function runTests(chosen, isCovered) {
  const sources = listFiles('test', '.test.ts');
  removeStale(sources);
  const unknown = chosen.filter((file) => !sources.includes(file));
  if (unknown.length > 0) return fail(`no such test: ${unknown.join(', ')}`);
  const expected = (chosen.length > 0 ? chosen : sources).map(compiledName);
  const missing = expected.filter((file) => !existsSync(file));
  if (missing.length > 0) return fail(`not compiled: ${missing.join(', ')} (npm run clean, then again)`);

  const result = await runTap(chosen.length > 0 ? expected : [COMPILED_PATTERN], isCovered);
  const problem = compareFiles(expected, result.files);
  if (problem) console.log(problem);
  if (result.skipped > 0) console.log(`${result.skipped} skipped or to do`);
  const isFailed = result.exitCode !== 0 || problem !== undefined;
  // What fails outside of any assertion counts as one failure.
  printSum(result.passed, isFailed ? Math.max(1, result.failed) : result.failed);
  return isFailed ? result.exitCode || 1 : 0;
}

/** Files that are compiled from tests that are no more. */
function removeStale(sources) {
  const compiled = new Set(sources.map(compiledName));
  for (const file of listFiles('dist/test', '.test.js')) {
    if (!compiled.has(file)) rmSync(file);
  }
}

async function runTap(files, isCovered) {
  const jobCount = Math.max(JOB_COUNT_MIN, availableParallelism());
  const preload = new URL('lean-tests.mjs', import.meta.url).href;
  const tap = [
    ...['--disable-coverage', '--reporter=tap', `--timeout=${FILE_TIMEOUT_SECONDS}`, `--jobs=${jobCount}`],
    `--node-arg=--import=${preload}?behind`,
  ];
  const covered = isCovered ? [...C8, process.execPath] : [];
  // Without a shell, which would expand ** to one level.
  const child = spawn(process.execPath, [...covered, 'node_modules/tap/dist/esm/run.mjs', ...tap, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${preload}`.trim() },
  });
  const exit = new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
  });
  const result = { files: [], passed: 0, failed: 0, skipped: 0 };
  const isShown = outputFilter();
  for await (const line of createInterface({ input: child.stdout })) {
    if (isShown(line)) console.log(line);
    const file = /^(?:not )?ok \d+ - (dist\/test\/\S+)/.exec(line)?.[1];
    if (file) result.files.push(file);
    const totals = /^# \{ (total: .*) \}$/.exec(line)?.[1];
    if (totals) Object.assign(result, readTotals(totals));
  }
  return { ...result, exitCode: await exit };
}

/** { total: 4, pass: 2, fail: 1, skip: 1 }, of which tap leaves out what is 0. */
function readTotals(text) {
  const counts = Object.fromEntries(text.split(', ').map((part) => part.split(': ')));
  const count = (name) => Number(counts[name] ?? 0);
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') };
}

/** Which lines of TAP to print: not the passing assertions and subtests, nor the plans and blank lines around them. */
function outputFilter() {
  let isDiagnostic = false;
  return (line) => {
    if (/^\s*---$/.test(line)) isDiagnostic = true;
    if (/^\s*\.\.\.$/.test(line)) {
      isDiagnostic = false;
      return true;
    }
    return isDiagnostic || / # (?:SKIP|TODO)/.test(line) || !QUIET_LINES.test(line);
  };
}

function compareFiles(expected, ran) {
  const counts = new Map(expected.map((file) => [file, 0]));
  for (const file of ran) counts.set(file, (counts.get(file) ?? 0) + 1);
  const wrong = [...counts].filter(([file, count]) => count !== 1 || !expected.includes(file));
  if (wrong.length === 0) return undefined;
  return `${ran.length} test files ran, ${expected.length} are there: ${wrong.map(([file]) => file).join(', ')}`;
}

function fail(problem) {
  console.error(problem);
  printSum(0, 1);
  return 1;
}

function printSum(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
}

function compiledName(source) {
  return `dist/${source.replace(/\.ts$/, '.js')}`;
}

function listFiles(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith(ending))
    .sort();
}
