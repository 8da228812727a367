import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Recorder } from '../../loadtest/load/recorder.ts';
import { type Lane, planLanes, startLoad } from '../../loadtest/load/start-load.ts';

const counts = fc.integer({ min: 1, max: 10_000 });

function sum(lanes: readonly Lane[], field: 'connectionCount' | 'ratePerSecond'): number {
  return lanes.reduce((total, lane) => total + lane[field], 0);
}

t.test('lanes share out all connections and all of the rate, and each has some of both', async () => {
  fc.assert(
    fc.property(counts, counts, (connectionCount, ratePerSecond) => {
      const lanes = planLanes({ connectionCount, ratePerSecond });
      return (
        sum(lanes, 'connectionCount') === connectionCount &&
        sum(lanes, 'ratePerSecond') === ratePerSecond &&
        lanes.every((lane) => lane.connectionCount > 0 && lane.ratePerSecond > 0 && lane.delayMs < 1000)
      );
    }),
  );
});

t.test('a load without a rate is one lane', async (t) => {
  t.same(planLanes({ connectionCount: 7, ratePerSecond: 0 }), [{ connectionCount: 7, ratePerSecond: 0, delayMs: 0 }]);
});

/** A server's address; it ends with the test. */
async function serve(t: Test, onRequest: (count: number) => 'answer' | 'close'): Promise<string> {
  let count = 0;
  const server = createServer((req, res) => {
    if (onRequest(++count) === 'answer') res.end('ok');
    else req.socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const shape = { method: 'GET', headers: {}, body: undefined };

t.test('a rate is kept, and every request is accounted for', async (t) => {
  const url = await serve(t, () => 'answer');
  const recorder = new Recorder(1000, () => true);
  await startLoad({ url, ...shape, connectionCount: 10, ratePerSecond: 50, durationMs: 1000 }, recorder).finished;
  const { sent, answered, failed, unfinished } = recorder.counts;
  t.ok(sent > 0 && sent <= 50, `${sent} sent, at most what the rate allows within a second`);
  t.equal(sent, answered + failed + unfinished);
  t.equal(failed, 0);
});

t.test('connections that a server closes without an answer are failures', async (t) => {
  const url = await serve(t, (count) => (count % 2 === 0 ? 'close' : 'answer'));
  const recorder = new Recorder(1000, () => true);
  await startLoad({ url, ...shape, connectionCount: 2, ratePerSecond: 20, durationMs: 1000 }, recorder).finished;
  t.ok(recorder.counts.failed > 0);
  t.ok(recorder.outcomes.has('cut off') || recorder.outcomes.has('ECONNRESET'));
});

t.test('a target that refuses every connect ends the load early, by count', async (t) => {
  const recorder = new Recorder(60_000, () => true);
  const url = 'http://127.0.0.1:1/';
  await startLoad({ url, ...shape, connectionCount: 1, ratePerSecond: 0, durationMs: 60_000 }, recorder).finished;
  t.equal(recorder.counts.answered, 0);
  t.ok(recorder.counts.failed >= 1_000);
});

t.test('a load that is stopped ends, the lanes that have not started too', async (t) => {
  const url = await serve(t, () => 'answer');
  const recorder = new Recorder(60_000, () => true);
  const load = startLoad({ url, ...shape, connectionCount: 10, ratePerSecond: 10, durationMs: 60_000 }, recorder);
  load.stop();
  await load.finished;
  t.ok(recorder.counts.sent <= 1);
});
