// The main thread's side of nonces, over a real Redis.

import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { NonceDesk } from '../../../src/control/nonces/nonce-desk.ts';
import { RedisConnection } from '../../../src/control/redis/redis-connection.ts';
import type { NonceAnswer } from '../../../src/gateway/worker-messages.ts';
import { redisBinary, startOwnServer } from '../../support/redis-server.ts';

const redis = await startOwnServer(redisBinary(), []);
t.teardown(() => redis.stop());

/** An instance. */
async function startDesk(): Promise<{ ask: (digest: string, ttlMs?: number) => Promise<NonceAnswer>; close(): void }> {
  let onUp = (): void => {};
  const up = new Promise<void>((resolve) => {
    onUp = resolve;
  });
  const connection = new RedisConnection({ url: redis.url, name: 'nonces' }, ({ status }) => {
    if (status === 'up') onUp();
  });
  await up;
  const answers: [WorkerIndex, NonceAnswer][] = [];
  const desk = new NonceDesk({
    connection,
    workers: { answerNonce: (worker, answer) => void answers.push([worker, answer]) },
  });
  let number = 0;
  return {
    async ask(digest, ttlMs = 60_000) {
      const own = ++number;
      await desk.ask(3 as WorkerIndex, [own, digest, ttlMs]);
      const found = answers.find(([worker, [each]]) => worker === 3 && each === own);
      if (found === undefined) throw new Error('no answer');
      return found[1];
    },
    close: () => connection.close(),
  };
}

t.test('of all instances that ask for one nonce at once, one hears that it is new', async (t) => {
  const desks = await Promise.all([1, 2, 3].map(startDesk));
  t.teardown(() => desks.forEach((desk) => void desk.close()));
  for (let n = 0; n < 50; n++) {
    const asked = desks.flatMap((desk) => [desk.ask(`nonce-${n}`), desk.ask(`nonce-${n}`)]);
    const answers = await Promise.all(asked);
    if (answers.filter(([, isNew]) => isNew === true).length !== 1) t.fail(`nonce ${n}: ${JSON.stringify(answers)}`);
    if (answers.filter(([, isNew]) => isNew === false).length !== 5) t.fail(`nonce ${n}: ${JSON.stringify(answers)}`);
  }
});

t.test('it is remembered for as long as was asked, and a store that is away is told as that', async (t) => {
  const desk = await startDesk();
  t.teardown(() => desk.close());
  t.equal((await desk.ask('short', 50))[1], true);
  let isNew: boolean | undefined = false;
  for (let look = 0; look < 1_000 && isNew !== true; look++) [, isNew] = await desk.ask('short', 50);
  t.equal(isNew, true, 'and then forgotten');
  await redis.kill();
  t.equal((await desk.ask('away'))[1], undefined);
});
