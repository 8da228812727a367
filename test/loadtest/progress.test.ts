import t from 'tap';
import { Recorder } from '../../loadtest/load/recorder.ts';
import { progressLine } from '../../loadtest/progress.ts';

t.test('a line says how long, how fast, how slow at worst and how many failed', async (t) => {
  let nowMs = 0;
  const recorder = new Recorder(
    10_000,
    () => true,
    () => nowMs,
  );
  t.equal(
    progressLine(recorder, 10_000, { answered: 0, elapsedMs: 0 }),
    '0 s of 10 s · 0 requests/s · p99 - · 0 failed',
  );
  nowMs = 2_000;
  for (let sent = 0; sent < 10; sent++) {
    recorder.onAnswer({ sentMs: nowMs - 5, arrivedMs: nowMs, status: 200, headers: [], intervalMs: 0 });
  }
  recorder.onFailure('ECONNRESET');
  const line = progressLine(recorder, 10_000, { answered: 5, elapsedMs: 1_000 });
  t.match(line, /^2 s of 10 s · 5 requests\/s · p99 5 ms · 1 failed$/);
});
