import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { LoadTestResult } from '../../loadtest/result.ts';
import { type CommandOptions, listScenarios } from '../../loadtest/run-command.ts';
import { scenarios } from '../../loadtest/scenarios.ts';
import { startOwnTarget } from '../../loadtest/target/start-own-target.ts';
import { runSmoke } from './run-smoke.ts';

// Processes take long to start and are idle while they run: two at a time.
t.jobs = 2;

const sluice = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** @param onError  called with all that came on stderr so far */
function run(args: readonly string[], onError?: (text: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, [sluice, 'loadtest', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
    onError?.(error, child);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })));
}

t.test('without a scenario the command lists them all, with their thresholds', { buffered: true }, async (t) => {
  const { code, out } = await run([]);
  t.equal(code, 0);
  t.equal(out, listScenarios());
  for (const { name, thresholds } of scenarios) {
    t.match(out, new RegExp(`^${name}$`, 'm'));
    for (const threshold of thresholds) t.match(out, `    ${threshold.name}: `);
  }
});

t.test('wrong usage is told in a sentence, before anything is started', { buffered: true }, async (t) => {
  const url = 'http://127.0.0.1:1/';
  const cases: readonly (readonly [name: string, options: Partial<CommandOptions>, error: RegExp])[] = [
    ['stedy', {}, /^no scenario is called 'stedy'; there are steady, spike/],
    ['steady', { thresholds: ['p98=3ms'] }, /^--threshold 'p98=3ms': expected NAME=VALUE with one of p99/],
    ['steady', { config: 'x' }, /^--config goes with --url/],
    ['spike', { settings: { ratePerSecond: 0 } }, /^spike needs a --rate above 0/],
    ['reload', { url }, /^reload with --url needs --config: the gateway's sluice\.yaml/],
    ['chaos', { url }, /^chaos takes no --url: it kills the upstreams/],
    ['limits', { url, settings: { burst: 20 } }, /^limits with --url needs --limit: /],
  ];
  for (const [name, options, message] of cases) {
    await t.rejects(runSmoke(t, name, { thresholds: [], ...options }), { exitCode: 2, message });
  }
});

t.test('an option that cannot be read exits with 2', { buffered: true }, async (t) => {
  const cases: readonly (readonly [args: readonly string[], error: RegExp])[] = [
    [['steady', '--rate', '-1'], /expected 0 to 100000/],
    [['steady', '-H', 'no header'], /expected 'Name: value'/],
    [['stedy'], /^sluice loadtest: no scenario is called/],
  ];
  const ends = await Promise.all(cases.map(([args]) => run(args)));
  for (const [index, [args, error]] of cases.entries())
    t.match(ends[index], { code: 2, out: '', error }, args.join(' '));
});

t.test('a target that cannot be reached exits with 1 and a sentence', { buffered: true }, async (t) => {
  const end = await run(['steady', '--url', 'http://127.0.0.1:1/']);
  t.match(end, {
    code: 1,
    out: '',
    error: /^sluice loadtest: http:\/\/127\.0\.0\.1:1\/ cannot be reached: .*ECONNREFUSED/,
  });
});

t.test('a threshold that fails exits with 1, and the report says which', { buffered: true }, async (t) => {
  const args = ['steady', '--duration', '500ms', '--warm-up', '0', '--rate', '20', '--threshold', 'p99=0ms'];
  const { code, out, error } = await run(args);
  t.equal(code, 1);
  t.match(out, /^steady: FAILED\n/);
  t.match(out, / {2}FAIL {2}p99 +\S+ ms +at most 0 ms/);
  t.match(error, /^steady against http:\/\/127\.0\.0\.1:\d+\/load, which answers 200\n/);
});

t.test('Ctrl-C ends the gateway that was started, and the command with 1', { buffered: true }, async (t) => {
  let isSent = false;
  const { code, out, error } = await run(['steady', '--duration', '60s', '--warm-up', '0'], (text, child) => {
    // The first line of progress: the load is under way.
    if (isSent || !/^1 s of 60 s/m.test(text)) return;
    isSent = true;
    child.kill('SIGINT');
  });
  t.equal(code, 1);
  t.equal(out, '');
  t.match(error, /sluice loadtest: interrupted\n$/);
  const address = /against (\S+),/.exec(error)?.[1] ?? '';
  await t.rejects(fetch(address), 'nobody listens there any more');
});

t.test(
  "a gateway of one's own is tested through its address: limits, reloads, memory",
  { buffered: true },
  async (t) => {
    const limit = { count: 50, periodSeconds: 1 };
    const own = await startOwnTarget(() => ({
      routes: [
        'load: { match: "ANY /load", policies: [{ rate-limit: { limit: 50/s, burst: 5, by: route } }] }',
        'free: { match: "ANY /free" }',
      ],
    }));
    t.teardown(() => own.close());
    const limits = await runSmoke(t, 'limits', { url: own.url, settings: { limit, burst: 5, ratePerSecond: 200 } });
    t.equal(limits.isPassed, true);
    t.equal(limits.isOwnTarget, false);

    const free = new URL('/free', own.url).href;
    const soak: LoadTestResult = await runSmoke(t, 'soak', {
      url: free,
      admin: own.adminUrl,
      request: { method: 'POST', headers: { 'x-load': 'test' }, body: 'some' },
      settings: { durationMs: 2_000 },
    });
    t.equal(soak.isPassed, true, 'memory is known from /metrics');

    const config = join(t.testdir({ 'sluice.yaml': 'version: 1\n' }), 'sluice.yaml');
    const reload = await runSmoke(t, 'reload', { url: free, config, thresholds: [], settings: { reloadEveryMs: 300 } });
    t.match(reload.thresholds, [{ name: 'failed' }, { name: 'reloads', says: /.+/ }]);
    t.notOk('measured' in (reload.thresholds[1] ?? {}), 'without the admin address nobody says what took effect');
    t.equal(await readFile(config, 'utf8'), 'version: 1\n', 'the file is as it was');
  },
);
