import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { ClusterLimits } from '../../../../src/control/quota/leases/cluster-limits.ts';
import type { ClusterLimitDefinition } from '../../../../src/gateway/limiter/cluster-limit.ts';
import { LeaseTable } from '../../../../src/shm/lease-table.ts';
import { redisBinary, startOwnServer } from '../../../support/redis-server.ts';

const limit: ClusterLimitDefinition = {
  idLow: 1,
  idHigh: 2,
  tokensPerSecond: 1,
  burst: 1,
  onStoreLoss: 'local-share',
  relaxed: 0,
};

function startLimits(url: string) {
  const clock = { us: 1_000_000, nowUs: () => clock.us };
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level}: ${message}`);
  const workers = { answerLease() {} };
  const limits = ClusterLimits.start({ url, table: LeaseTable.create(8), clock, log, workers }) as ClusterLimits;
  t.teardown(() => limits.close());
  return { limits, clock, lines };
}

async function until(isDone: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !isDone(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test('on an empty Redis an instance is not ready before there are shares to be had', async (t) => {
  const redis = await startOwnServer(redisBinary(), []);
  t.teardown(() => redis.stop());
  const { limits, clock, lines } = startLimits(redis.url);
  t.same(limits.notReady(), [], 'without limits over the cluster it needs no store');
  limits.useLimits([limit]);
  t.match(limits.notReady(), [/^Redis has not answered yet$/]);
  await until(() => limits.status().isUp);
  t.match(limits.notReady(), [/^Redis has no shares of limits to give yet$/]);
  t.match(lines, [/^info: Redis answers/]);
  // By this clock three seconds pass at once, but not before the store has been asked how old its records are.
  await until(() => {
    clock.us += 3_000_000;
    return limits.notReady().length === 0;
  });
  t.same(limits.notReady(), []);
  await redis.stop();
  await until(() => !limits.status().isUp);
  t.same(limits.notReady(), [], 'who was ready stays so');
  t.match(lines.at(-1), /^warn: Redis does not answer \(down: .*: limits over the cluster do what onStoreLoss says$/);
});

t.test('without Redis an instance is ready all the same, unless a limit is closed without it', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  const port = typeof address === 'object' ? address?.port : 0;
  const { limits, clock, lines } = startLimits(`redis://user:hush-hush@127.0.0.1:${port}`);
  limits.useLimits([{ ...limit, onStoreLoss: 'closed' }]);
  await until(() => /does not answer/.test(limits.notReady()[0] ?? ''));
  t.same(limits.notReady(), ['Redis does not answer, and a limit is closed without it']);
  limits.useLimits([limit]);
  t.same(limits.notReady(), []);
  clock.us += 2_000_000;
  await until(() => lines.length > 0);
  t.match(lines, [/^warn: Redis does not answer/]);
  t.notMatch(lines.join(), /hush-hush/);
});
