import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { type PemFiles, withPemFiles } from '../../../../src/gateway/listener/uws/pem-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-pem-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const plan = { hosts: [], certFile: join(folder, 'a.crt'), keyFile: join(folder, 'a.key'), cert: 'cert', key: 'key' };
const read = ([files]: readonly PemFiles[]) => [
  readFileSync(files?.cert ?? '', 'utf8'),
  readFileSync(files?.key ?? '', 'utf8'),
  files?.key,
];

const never = (): void => {
  throw new Error('nothing is to be taken back');
};

t.beforeEach(() => {
  writeFileSync(plan.certFile, 'cert');
  writeFileSync(plan.keyFile, 'key');
});

t.test('the configured files are read while they hold what was checked', async (t) => {
  t.same(withPemFiles([plan], read, never, folder), ['cert', 'key', plan.keyFile]);
});

t.test(
  'when one of them has changed, what was checked is read from memory, which only its owner can see',
  async (t) => {
    writeFileSync(plan.keyFile, 'ke');
    let mode = 0;
    const [cert, key, file] = withPemFiles(
      [plan],
      (files) => {
        mode = statSync(dirname(files[0]?.key ?? '')).mode & 0o777;
        t.equal(statSync(files[0]?.key ?? '').mode & 0o777, 0o600);
        return read(files);
      },
      never,
      folder,
    );
    t.same([cert, key, mode], ['cert', 'key', 0o700]);
    t.notOk(existsSync(file ?? ''));
    rmSync(plan.certFile);
    t.same(withPemFiles([plan], read, never, folder).slice(0, 2), ['cert', 'key']);
  },
);

t.test('when one changes while it is read, that is taken back', async (t) => {
  const undone: unknown[] = [];
  let reads = 0;
  const made = withPemFiles(
    [plan],
    (files) => {
      if (reads++ === 0) writeFileSync(plan.keyFile, 'other');
      return read(files);
    },
    (first) => void undone.push(first),
    folder,
  );
  t.same([made.slice(0, 2), undone.length], [['cert', 'key'], 1]);
});

t.test('nothing is left where reading failed', async (t) => {
  rmSync(plan.certFile);
  const fail = (): never => {
    throw new Error('no');
  };
  t.throws(() => withPemFiles([plan], fail, never, folder), /no/);
  t.same(readdirSync(folder), ['a.key']);
});
