import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { missingCommand } from '../../bench/compare/missing-command.ts';

const TIMEOUT_MS = 60_000;

// Coverage would be counted in the gateways, too, and slow them down.
const { NODE_V8_COVERAGE: _, ...env } = process.env;

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../bench/${program}.js`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { timeout: TIMEOUT_MS, env });
  return stdout;
}

t.test('bench:heap finds what is allocated, by whom, and what survives', async (t) => {
  const output = await run('heap/run', '--smoke', '--kind', 'plain');
  t.match(output, /^survives {2}-?[\d.]+ bytes per request in the heap/m);
  t.match(output, /^allocated \d+ bytes per request/m);
  t.match(output, /^ +\d+ {2}sluice +\S.* src\/gateway\/.*\.js:\d+$/m);
});

t.test('bench:compare --rate gives everyone the same rate', async (t) => {
  const output = await run('compare/run', '--smoke', '--rate', '300', '--only', 'sluice plain');
  t.match(output, /^300 requests\/s at random times/m);
  t.match(output, /^\| sluice plain \| [\d.]+ \| [\d.]+ \| [\d.]+ \| (?:yes|no) \|$/m);
});

// The others are as long as a tenth of the suite: `npm run test:benches`.
if (process.env['BENCHES'] === 'all') {
  t.test('bench:overhead has the difference of every round', async (t) => {
    const output = await run('overhead', '--smoke');
    t.equal(output.match(/^plain [\d.]+ µs {2}job [\d.]+ µs {2}added -?[\d.]+ µs$/gm)?.length, 2);
    t.match(output, /^added +-?[\d.]+ µs per request \(min /m);
  });

  const remedy = missingCommand('nginx', 'nginx is not here') ?? missingCommand('wrk', 'wrk is not here');

  t.test('bench:compare --bodies moves bodies both ways', { skip: remedy ?? false }, async (t) => {
    const output = await run('compare/run', '--smoke', '--bodies', '--only', 'nginx');
    t.equal(output.match(/^\| nginx \| \d+ \| \d+ \| \d+ \| /gm)?.length, 2);
    t.equal(output.match(/^\| no gateway \| /gm)?.length, 2);
  });
}
