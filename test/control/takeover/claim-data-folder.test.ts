import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { claimDataFolder } from '../../../src/control/takeover/claim-data-folder.ts';
import { type Message, MessageLink } from '../../../src/control/takeover/message-link.ts';

const base = mkdtempSync(join(tmpdir(), 'sluice-claim-'));
t.teardown(() => rmSync(base, { recursive: true, force: true }));

const logged: string[] = [];
const log = (_level: string, message: string): void => void logged.push(message);

/** Something that listens where a gateway would. */
async function answerer(t: { teardown(end: () => void): void }, folder: string, answer: Message) {
  const server = createServer((socket) => {
    const link = new MessageLink(socket, { onMessage: () => link.send(answer), onEnd: () => {} });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'sluice.sock'), resolve));
  t.teardown(() => server.close());
}

t.test('the folder is made for its owner only', async (t) => {
  const folder = join(base, 'new', 'data');
  t.same(await claimDataFolder(folder, false, log), { isUsable: true, predecessor: undefined });
  t.equal(statSync(folder).mode & 0o777, 0o700);
  await claimDataFolder(folder, true, log);
  t.match(logged.at(-1), `no gateway runs with ${folder}: there is nothing to take over`);
});

t.test('a folder that cannot be used keeps nobody from starting, but from taking over', async (t) => {
  const long = join(base, 'x'.repeat(100));
  for (const [folder, why] of [
    ['/dev/null/data', 'ENOTDIR'],
    [long, 'and may have 107'],
  ] as const) {
    t.same(await claimDataFolder(folder, false, log), { isUsable: false, predecessor: undefined });
    t.match(logged.at(-1), 'nothing can take over from this gateway');
    t.match(logged.at(-1), why);
    await t.rejects(claimDataFolder(folder, true, log), { message: new RegExp(`--take-over needs .*${why}`) });
  }
});

t.test('a second gateway is told who is there, and how to replace it', async (t) => {
  const folder = mkdtempSync(join(base, 'a'));
  await answerer(t, folder, {
    type: 'welcome',
    protocol: 1,
    pid: 4711,
    seedLow: 1,
    seedHigh: 2,
    listeners: [],
    adminPort: 1,
  });
  await t.rejects(claimDataFolder(folder, false, log), {
    message: /process 4711 runs with the data folder .*: --take-over replaces it/,
  });
  const { predecessor } = await claimDataFolder(folder, true, log);
  t.equal(predecessor?.pid, 4711);
  predecessor?.leave();
});

t.test('what refuses, or answers with something else, is not taken for nobody', async (t) => {
  const refusing = mkdtempSync(join(base, 'b'));
  await answerer(t, refusing, { type: 'refuse', why: 'it drains' });
  await t.rejects(claimDataFolder(refusing, true, log), { message: /cannot be taken over from: it drains/ });
  const strange = mkdtempSync(join(base, 'c'));
  await answerer(t, strange, { type: 'welcome', protocol: 'x' });
  await t.rejects(claimDataFolder(strange, true, log), { message: /cannot be taken over from: it said welcome/ });
});
