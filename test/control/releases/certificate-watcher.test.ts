import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CertificateWatcher } from '../../../src/control/releases/certificate-watcher.ts';
import { buildGateway } from '../../support/build-config.ts';

const LOOK_MS = 10;
const plan = { ciphers: '', minVersion: 'TLSv1.2', clientAuth: 'none', hsts: '' } as const;

/** Files a.crt, a.key and ca.crt, which hold what is in use. */
async function watched(t: Test) {
  const folder = t.testdir({ 'a.crt': 'cert', 'a.key': 'key', 'ca.crt': 'ca' });
  const path = (file: string): string => join(folder, file);
  const inUse = { cert: 'cert', key: 'key' };
  let looks = 0;
  let changes = 0;
  const watcher = new CertificateWatcher(
    () => {
      looks++;
      const pair = { hosts: [], certFile: path('a.crt'), keyFile: path('a.key'), ...inUse, expiresMs: 0 };
      const tls = { ...plan, certificates: [pair], clientCa: 'ca', clientCaFile: path('ca.crt') };
      return buildGateway({ listen: [{ host: '', port: 1, engine: 'node', chunked: 'accept', tls }] });
    },
    () => {
      changes++;
    },
    LOOK_MS,
  );
  t.teardown(() => watcher.close());
  /** A few looks later. */
  const later = async (): Promise<number> => {
    for (const from = looks; looks < from + 4; ) await new Promise((resolve) => setImmediate(resolve));
    return changes;
  };
  return { path, inUse, later };
}

t.test('a certificate and its key that are replaced are one change', async (t) => {
  const { path, inUse, later } = await watched(t);
  t.equal(await later(), 0);
  for (const [file, text] of [
    ['a.crt', 'cert 2'],
    ['a.key', 'key 2'],
  ] as const) {
    writeFileSync(path(`${file}.next`), text);
    renameSync(path(`${file}.next`), path(file));
  }
  t.equal(await later(), 1);
  Object.assign(inUse, { cert: 'cert 2', key: 'key 2' });
  t.equal(await later(), 1);
  writeFileSync(path('ca.crt'), 'ca 2');
  t.equal(await later(), 2);
});

t.test('what was refused is not asked for again before it changes again', async (t) => {
  const { path, later } = await watched(t);
  writeFileSync(path('a.key'), 'broken');
  t.equal(await later(), 1);
  t.equal(await later(), 1);
  writeFileSync(path('a.key'), 'broken, too');
  t.equal(await later(), 2);
});

t.test(
  'a file that is touched, or comes back as it was, is no change; nor is one that is missing for now',
  async (t) => {
    const { path, later } = await watched(t);
    utimesSync(path('a.crt'), 1, 1);
    t.equal(await later(), 0);
    rmSync(path('a.key'));
    t.equal(await later(), 0);
    writeFileSync(path('a.key'), 'key');
    t.equal(await later(), 0);
  },
);

t.test('what had changed before the first look is seen', async (t) => {
  const { inUse, later } = await watched(t);
  inUse.cert = 'older';
  t.equal(await later(), 1);
});
