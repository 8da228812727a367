import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import t from 'tap';
import { examine, type Finding, type Machine } from '../../src/cli/doctor.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';

const run = promisify(execFile);
const doctorUrl = new URL('../../src/cli/doctor.js', import.meta.url).href;

const machine: Machine = {
  nodeVersion: '22.12.0',
  platform: 'linux',
  arch: 'x64',
  glibcVersion: '2.38',
  uws: { kind: 'as-is', file: '/sluice/uws.node', sha256: 'ab12' },
  openFilesMax: 65_536,
  coreCount: 4,
  memoryBytes: 8_589_934_592,
  memoryBytesMax: undefined,
  redis: undefined,
};

function finding(name: string, parts: Partial<Machine>): Finding | undefined {
  return examine({ ...machine, ...parts }).find((each) => each.name === name);
}

async function runDoctor(options: string, env: NodeJS.ProcessEnv = process.env) {
  const script = `process.exitCode = await (await import(${JSON.stringify(doctorUrl)})).doctor(${options})`;
  return run(process.execPath, ['--input-type=module', '-e', script], { env });
}

t.test('a machine with all that Sluice wants gets no warning', async (t) => {
  t.same(
    examine(machine).filter(({ status }) => status === 'warn' || status === 'fail'),
    [],
  );
});

t.test('Node.js older than 20.19 fails', async (t) => {
  t.match(finding('node', { nodeVersion: '20.18.3' }), { status: 'fail', advice: /20\.19 or newer/ });
  t.match(finding('node', { nodeVersion: '18.20.0' }), { status: 'fail' });
  t.match(finding('node', { nodeVersion: '20.19.0' }), { status: 'ok', found: '20.19.0 on linux x64' });
  t.match(finding('node', { nodeVersion: '24.0.0' }), { status: 'ok' });
});

t.test('the oldest Node.js that doctor accepts is the one that package.json asks for', async (t) => {
  const file = new URL('../../../package.json', import.meta.url);
  const { engines } = JSON.parse(readFileSync(file, 'utf8')) as { engines: { node: string } };
  t.equal(engines.node, '>=20.19');
});

t.test('uWebSockets.js is named with its build, or fails with the reason', async (t) => {
  t.match(finding('uWebSockets.js', {}), { status: 'ok', found: 'loaded as it is: /sluice/uws.node (SHA-256 ab12)' });
  const relinked = { kind: 'relinked', file: '/cache/uws.node', sha256: 'cd34' } as const;
  t.match(finding('uWebSockets.js', { uws: relinked }), { status: 'ok', found: /relinked.* \/cache\/uws\.node/ });
  t.match(finding('uWebSockets.js', { uws: { error: 'why' } }), { status: 'fail', advice: 'why' });
});

t.test('a limit of open files below 65,536 is a warning that says what fits', async (t) => {
  t.match(finding('open files', { openFilesMax: 20_000 }), { status: 'warn', advice: /at most 9872\.$/ });
  t.match(finding('open files', { openFilesMax: 65_535 }), { status: 'warn' });
  t.match(finding('open files', { openFilesMax: Number.POSITIVE_INFINITY }), { status: 'ok', found: 'no limit' });
  t.match(finding('open files', { openFilesMax: undefined }), { status: 'note' });
});

t.test('a port of node listeners can be shared from Node.js 22.12 on, on Linux', async (t) => {
  t.match(finding('node listeners', {}), { status: 'ok' });
  t.match(finding('node listeners', { nodeVersion: '22.11.0' }), { status: 'note', advice: /22\.12/ });
  t.match(finding('node listeners', { platform: 'darwin' }), { status: 'note' });
});

t.test('memory is what the container may use', async (t) => {
  t.match(finding('memory', {}), { found: '8192 MiB' });
  t.match(finding('memory', { memoryBytesMax: 536_870_912 }), { found: '512 MiB of 8192 MiB' });
  // What Node says outside of a container: more than there is.
  t.match(finding('memory', { memoryBytesMax: 2 ** 63 }), { found: '8192 MiB' });
});

t.test('the Redis of REDIS_URL answers, or the reason is told', async (t) => {
  t.match(finding('redis', {}), { status: 'note', found: /limits hold for one instance/ });
  t.match(finding('redis', { redis: { error: undefined, mayEvict: false, downCount: 0 } }), {
    status: 'ok',
    found: /answers$/,
  });
  t.match(finding('redis', { redis: { error: undefined, mayEvict: true, downCount: 0 } }), {
    status: 'warn',
    advice: /noeviction/,
  });
  t.match(finding('redis', { redis: { error: 'why', mayEvict: false, downCount: 0 } }), {
    status: 'warn',
    found: /not answer: why$/,
  });
  t.match(finding('redis', { redis: { error: 'why', mayEvict: false, downCount: 1 } }), {
    status: 'warn',
    found: /^the cluster of REDIS_URL answers, 1 of its masters not: why$/,
  });
  const wrong = await runDoctor('{ json: false }', { ...process.env, REDIS_URL: 'redis-cluster://:hush-hush@' });
  t.match(wrong.stdout, /^warn {2}redis .*: it names no host$/m);
  t.notMatch(wrong.stdout, /hush/);
  const redis = await startOwnServer(redisBinary(), []);
  t.teardown(() => redis.stop());
  const { stdout } = await runDoctor('{ json: false }', { ...process.env, REDIS_URL: redis.url });
  t.match(stdout, /^ok {4}redis .*answers$/m);
});

t.test('doctor says in plain words what this version does not have', async (t) => {
  t.match(finding('native module', {}), { status: 'note', found: /none in this version/ });
});

t.test('doctor prints text, or JSON when it is asked for it, and answers 0 where the tests run', async (t) => {
  const text = await runDoctor('{ json: false }');
  t.match(text.stdout, /^ok {4}node {10}/);
  t.match(text.stdout, /Sluice can run here\.\n$/);
  const { stdout } = await runDoctor('{ json: true }');
  const report = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  t.equal(report.ok, true);
  t.same(
    report.findings.map(({ name }) => name),
    examine(machine).map(({ name }) => name),
  );
});

t.test('doctor answers 1 and prints its findings when uWebSockets.js cannot be loaded', async (t) => {
  const env = { ...process.env, UWS_HTTP_MAX_HEADERS_SIZE: 'many' };
  const failure = (await runDoctor('{ json: false }', env).catch((error: unknown) => error)) as {
    code: number;
    stdout: string;
  };
  t.equal(failure.code, 1);
  t.match(failure.stdout, /^fail {2}uWebSockets\.js {2}not loaded\n +UWS_HTTP_MAX_HEADERS_SIZE must be/m);
  t.match(failure.stdout, /Sluice cannot run here\.\n$/);
});
