import t from 'tap';
import { runRate } from '../../bench/support/run-rate.ts';
import { startUpstream } from '../../bench/support/start-upstream.ts';

t.test('requests come at the rate that was asked for, the same number for the same seed', async (t) => {
  const upstream = await startUpstream('0');
  t.teardown(() => upstream.stop());
  const load = { port: upstream.port, connections: 4, seconds: 1, core: '0', rate: 500 };
  const one = await runRate({ ...load, seed: 7 });
  // Of 500 at random times, 22 more or less are one standard deviation.
  t.ok(one.requests > 380 && one.requests < 620, `${one.requests} requests`);
  t.equal((await runRate({ ...load, seed: 7 })).requests, one.requests);
  t.not((await runRate({ ...load, seed: 8 })).requests, 0);
  t.ok(one.p50Ms > 0 && one.p50Ms <= one.p99Ms);
});

t.test('what waits for a free connection counts from when it was due', async (t) => {
  const upstream = await startUpstream('0');
  t.teardown(() => upstream.stop());
  // More than one connection can carry: the queue grows to the end, and the last have waited for all of it.
  const load = { port: upstream.port, connections: 1, seconds: 1, core: '0', rate: 80_000 };
  const { p50Ms, requestsPerSecond } = await runRate({ ...load, seed: 7 });
  t.ok(requestsPerSecond < 70_000, `${requestsPerSecond}/s`);
  t.ok(p50Ms > 20, `${p50Ms} ms`);
});
