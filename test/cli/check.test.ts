import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { check } from '../../src/cli/check.ts';
import type { Issue } from '../../src/control/config/issue.ts';
import { shop } from '../control/config/read.ts';
import { tlsFolder } from '../support/tls-files.ts';

const sluice = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

/** Runs check on a file with this text. */
async function runCheck(text: string | Buffer, json = false) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, text);
  const out: string[] = [];
  const error: string[] = [];
  const terminal = {
    env: {},
    out: (part: string) => void out.push(part),
    error: (part: string) => void error.push(part),
  };
  const code = await check(file, { json }, terminal);
  return { code, out: out.join('').replaceAll(file, 'FILE'), error: error.join('').replaceAll(file, 'FILE') };
}

function runSluice(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [sluice, ...args], (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error });
    });
  });
}

t.test('a valid file is ok, with what it holds', async (t) => {
  const text = shop('    routes: { a: { match: GET /a }, b: { match: GET /b } }', 'consumers: { alice: {} }');
  t.same(await runCheck(text), {
    code: 0,
    out: 'FILE: ok (1 service, 2 routes, 1 upstream, 1 consumer)\n',
    error: '',
  });
});

t.test('every problem is a line on stderr, and the last line counts them', async (t) => {
  const { code, out, error } = await runCheck('version: 1\nservices: { a: { upstream: x } }\nbogus: 1\n');
  t.equal(code, 1);
  t.equal(out, '');
  t.same(error.split('\n').slice(2), ['2 problems', '']);
  t.match(error.split('\n'), [/^FILE:2:28 services.a.upstream: /, /^FILE:3:1 bogus: unknown key/]);
});

t.test('warnings are printed and do not fail', async (t) => {
  const limits = 'version: 1\ngateway: { limits: { headerTimeout: 1s, idleTimeout: 2s } }';
  t.match(await runCheck(limits), {
    code: 0,
    out: /^FILE: ok/,
    error: /^FILE:2:\d+ gateway.limits.idleTimeout: warning: /,
  });
  t.match(await runCheck(`${limits}\nbogus: 1`), { code: 1, error: /\n1 problem, 1 warning\n$/ });
});

t.test('certificates and keys are read beside the file, and a problem with one has its place', async (t) => {
  const upstream = (tls: string) => `version: 1\nupstreams:\n  a: { targets: ["https://a"], tls: { ${tls} } }\n`;
  const good = `ca: ${tlsFolder}ca.crt, cert: ${tlsFolder}client.crt, key: ${tlsFolder}client.key`;
  t.match(await runCheck(upstream(good)), { code: 0, error: '' });
  t.match(await runCheck(upstream(good.replace('client.key', 'stranger.key'))), {
    code: 1,
    error: /^FILE:3:\d+ upstreams.a.tls.key: the private key does not fit/,
  });
  t.match(await runCheck(upstream('ca: sluice.yaml')), {
    code: 1,
    error: /^FILE:3:43 upstreams.a.tls.ca: the file holds no certificate in PEM form\n/,
  });
  t.match(await runCheck(upstream('verify: false')), {
    code: 0,
    out: /^FILE: ok/,
    error: /^FILE:3:47 upstreams.a.tls.verify: warning: any certificate is accepted/,
  });
});

t.test('--json prints an array on stdout and nothing else', async (t) => {
  const wrong = await runCheck('version: 1\nbogus: 1', true);
  t.match(JSON.parse(wrong.out) as Issue[], [
    { severity: 'error', line: 2, column: 1, path: 'bogus', message: 'unknown key' },
  ]);
  t.match(wrong, { code: 1, error: '' });
  t.same(await runCheck('version: 1', true), { code: 0, out: '[]\n', error: '' });
});

t.test('a file that is not UTF-8 is refused', async (t) => {
  t.match(await runCheck(Buffer.from([0x61, 0xff])), {
    code: 1,
    error: 'sluice check: cannot read FILE: the file is not UTF-8\n',
  });
});

t.test('a file that cannot be read is told in a sentence', async (t) => {
  const folder = t.testdir({});
  const missing = await runSluice('check', `${folder}/none.yaml`);
  t.match(missing, { code: 1, out: '', error: /^sluice check: cannot read .*none\.yaml: there is no such file\n$/ });
  const json = await runSluice('check', '--json', folder);
  t.equal(json.code, 1);
  t.match(JSON.parse(json.out), [{ severity: 'error', message: 'this is a folder, not a file' }]);
});

t.test('wrong usage exits with 2, help with 0', async (t) => {
  for (const args of [['check'], ['check', '--bogus', 'x'], ['bogus'], []]) {
    const { code, error } = await runSluice(...args);
    t.equal(code, 2, args.join(' '));
    t.not(error, '');
  }
  t.match(await runSluice('check', '--help'), { code: 0, out: /Usage: sluice check/ });
  t.match(await runSluice('--version'), { code: 0, out: /^\d+\.\d+\.\d+\n$/ });
});
