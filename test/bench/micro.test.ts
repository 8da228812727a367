import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { benchPaths, benchRoutes } from '../../bench/micro/bench-routes.ts';
import { handleCases } from '../../bench/micro/handle-cases.ts';
import { limitCases } from '../../bench/micro/limit-cases.ts';
import { matchCases } from '../../bench/micro/match-cases.ts';
import type { MicroCase, MicroRun } from '../../bench/micro/micro-case.ts';
import { publishCases } from '../../bench/micro/publish-cases.ts';
import { sink } from '../../bench/support/sink.ts';

const program = fileURLToPath(new URL('../../bench/micro/run.js', import.meta.url));

function cases(): readonly MicroCase[] {
  return [...matchCases(10), ...limitCases(), ...handleCases(), ...publishCases(100)];
}

t.test('every case runs, and again', async (t) => {
  for (const { name, prepare } of cases()) {
    const run = await prepare();
    await run();
    await run();
    t.pass(name);
  }
});

t.test('names are unique, and every ratio is against a case that comes before', async (t) => {
  const seen = new Set<string>();
  for (const { name, against } of cases()) {
    t.notOk(seen.has(name), name);
    if (against !== undefined) t.ok(seen.has(against), `${name} against ${against}`);
    seen.add(name);
  }
});

t.test('Sluice and find-my-way do the same work: they find the same parameter, path by path', async (t) => {
  const compared = matchCases(1_000).filter(({ name }) => !name.startsWith('match alone'));
  t.equal(compared.length, 3);
  const runs: MicroRun[] = [];
  for (const { prepare } of compared) runs.push(await prepare());
  for (let turn = 0; turn < 3; turn++) {
    const found: unknown[] = [];
    for (const run of runs) {
      await run();
      found.push(sink.value);
    }
    t.same(found, Array(3).fill(String(turn)));
  }
});

t.test('paths meet every route of a few, and routes far apart of many', async (t) => {
  const routesMet = (count: number) => new Set(benchPaths(count).map((path) => path.split('/')[3])).size;
  t.equal(routesMet(10), 10);
  t.equal(routesMet(10_000), 1_024);
  t.equal(new Set(benchRoutes(10_000).map(({ path }) => path)).size, 10_000);
});

t.test('the command prints JSON for scripts', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--quick', '--json', '--only', 'hash']);
  const { results } = JSON.parse(stdout) as { results: readonly { name: string; medianNs: number }[] };
  t.same(
    results.map(({ name }) => name),
    ['hash of an address', 'rate limit: hash and decision', 'balance: hash of 8'],
  );
  t.ok(results.every(({ medianNs }) => medianNs > 0));
});
