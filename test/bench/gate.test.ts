import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const gate = fileURLToPath(new URL('../../bench/gate/run.js', import.meta.url));
const TIMEOUT_MS = 100_000;

// Coverage would be counted in the gateways, too, and slow them down.
const { NODE_V8_COVERAGE: _, ...env } = process.env;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

function runGate(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [gate, ...args], { timeout: TIMEOUT_MS, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

// As long as a tenth of the suite: `npm run test:benches`.
const isWhole = process.env['BENCHES'] === 'all';

// Beside other tests a round of the smallest form is off by some 10 %: what is planted here nobody can miss. How sure the
// gate is of 15 % is a matter of decide.test.ts.
if (isWhole) {
  t.test('a branch that costs half as much again as its base does not pass the real gate', async (t) => {
    const { code, output } = await runGate('--against', root, '--smoke', '--plant', '50');
    t.equal(code, 1, output);
    t.match(output, /costs [\d.]+ µs/);
    t.match(output, /branch \/ base .* bound [\d.]+: worse/);
  });
}

t.test('a gate that cannot measure says why, and neither passes nor fails the branch', async (t) => {
  t.match(await runGate(), { code: 2, output: /give --base or --against/ });
  t.match(await runGate('--against', root, '--plant', 'much'), { code: 2, output: /--plant takes a number/ });
  t.match(await runGate('--base', 'no-such-ref'), { code: 2, output: /could not measure/ });
});
