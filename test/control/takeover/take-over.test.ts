import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LimitRegistry } from '../../../src/control/quota/limit-registry.ts';
import { MessageLink } from '../../../src/control/takeover/message-link.ts';
import { TakeOver } from '../../../src/control/takeover/take-over.ts';
import { SharedMemory } from '../../../src/shm/shared-memory.ts';
import { VirtualClock } from '../../gateway/limiter/window.ts';
import { buildGateway } from '../../support/build-config.ts';

const base = mkdtempSync(join(tmpdir(), 'sluice-take-'));
t.teardown(() => rmSync(base, { recursive: true, force: true }));

function parts(takeOver: TakeOver) {
  const shm = SharedMemory.create(1, takeOver.seedLow, takeOver.seedHigh);
  const clock = new VirtualClock();
  const workers = { askLimits: () => Promise.resolve(true), answerLimits: () => {} };
  return { shm, clock, limits: new LimitRegistry(shm.limits, clock), workers };
}

function begin(folder: string, takesOver: boolean, logged: string[] = []): Promise<TakeOver> {
  const log = (_level: string, message: string): void => void logged.push(message);
  return TakeOver.begin({ folder, takesOver, gateway: buildGateway(), log });
}

t.test('a gateway that dies before it hands over is replaced all the same', async (t) => {
  const folder = mkdtempSync(join(base, 'a'));
  const { pid } = spawnSync('true');
  const dying = createServer((other) => {
    const link = new MessageLink(other, {
      onMessage(message) {
        if (message.type !== 'hello') return void other.destroy();
        link.send({ type: 'welcome', protocol: 1, pid, seedLow: 1, seedHigh: 2, listeners: [], adminPort: 0 });
      },
      onEnd: () => {},
    });
  });
  await new Promise<void>((resolve) => dying.listen(join(folder, 'sluice.sock'), resolve));
  const logged: string[] = [];
  const takeOver = await begin(folder, true, logged);
  t.same([takeOver.seedLow, takeOver.seedHigh, takeOver.takesOver], [1, 2, true]);
  await takeOver.open(parts(takeOver));
  await takeOver.take();
  t.same(logged, [`process ${pid} ended before it handed over: limits start anew`]);
  t.equal(takeOver.takesOver, false);
  takeOver.close();
  dying.close();
});

t.test('one that lives, and leaves the conversation, is not taken for dead', async (t) => {
  const folder = mkdtempSync(join(base, 'b'));
  const rude = createServer((other) => {
    const link = new MessageLink(other, {
      onMessage(message) {
        if (message.type !== 'hello') return link.send({ type: 'refuse', why: 'a worker hangs: try again' });
        const { pid } = process;
        link.send({ type: 'welcome', protocol: 1, pid, seedLow: 1, seedHigh: 2, listeners: [], adminPort: 0 });
      },
      onEnd: () => {},
    });
  });
  await new Promise<void>((resolve) => rude.listen(join(folder, 'sluice.sock'), resolve));
  t.teardown(() => rude.close());
  const takeOver = await begin(folder, true);
  await takeOver.open(parts(takeOver));
  await t.rejects(takeOver.take(), { message: `process ${process.pid} does not hand over: a worker hangs: try again` });
  takeOver.close();
});

t.test('the socket is there once the gateway serves, for its owner only, and gone when it has ended', async (t) => {
  const folder = mkdtempSync(join(base, 'c'));
  const socket = join(folder, 'sluice.sock');
  const first = await begin(folder, false);
  await first.open(parts(first));
  t.equal(first.sharesPorts, true);
  t.notOk(existsSync(socket));
  first.publish();
  t.equal(statSync(socket).mode & 0o777, 0o600);
  await t.rejects(begin(folder, false), { message: /runs with the data folder/ });
  first.stopListening();
  t.notOk(existsSync(socket));
  first.close();
});

t.test('an admin port that is not free is waited for by whoever takes over, and by nobody else', async (t) => {
  const alone = await begin(mkdtempSync(join(base, 'd')), false);
  await t.rejects(
    alone.listenAdmin(() => Promise.reject(new Error('EADDRINUSE'))),
    { message: 'EADDRINUSE' },
  );
  t.equal(await alone.listenAdmin(() => Promise.resolve(9_080)), 9_080);
  alone.close();
});
