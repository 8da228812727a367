import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { prepareLogFile } from '../../../src/control/releases/prepare-log-file.ts';

t.test('the file and its folders are made, and not for every user to read', async (t) => {
  const file = join(t.testdir(), 'logs', 'today', 'access.log');
  t.equal(await prepareLogFile(file), undefined);
  t.equal(statSync(file).mode & 0o007, 0);
});

t.test('a file that is there keeps its lines', async (t) => {
  const file = join(t.testdir({ 'access.log': 'a line\n' }), 'access.log');
  t.equal(await prepareLogFile(file), undefined);
  t.equal(readFileSync(file, 'utf8'), 'a line\n');
});

t.test('a pipe may be there before its reader, and is not opened', async (t) => {
  const pipe = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  t.equal(await prepareLogFile(pipe), undefined);
});

t.test('what cannot be written says why', async (t) => {
  const folder = t.testdir({ logs: {} });
  t.match(await prepareLogFile(join(folder, 'logs')), /EISDIR/);
  writeFileSync(join(folder, 'file'), '');
  t.match(await prepareLogFile(join(folder, 'file', 'access.log')), /ENOTDIR|EEXIST/);
});
