import t from 'tap';
import { Recorder } from '../../loadtest/load/recorder.ts';

/** A recorder of a run of 10 s, and its clock. */
function recorderAt(startMs = 5_000) {
  let nowMs = startMs;
  const recorder = new Recorder(
    10_000,
    (status) => status < 400,
    () => nowMs,
  );
  return {
    recorder,
    at(ms: number) {
      nowMs = startMs + ms;
    },
    answer(status: number, latencyMs: number) {
      recorder.onSent();
      recorder.onAnswer({ sentMs: nowMs - latencyMs, arrivedMs: nowMs, status, headers: [], intervalMs: 0 });
    },
  };
}

t.test('every request is counted once, by what became of it', async (t) => {
  const { recorder, at, answer } = recorderAt();
  at(10);
  answer(200, 5);
  answer(503, 5);
  for (let sent = 0; sent < 2; sent++) recorder.onSent();
  recorder.onFailure('ECONNRESET');
  recorder.onUnfinished();
  t.same(recorder.counts, { sent: 4, answered: 2, failed: 2, unfinished: 1 });
  t.same(
    [...recorder.outcomes],
    [
      ['200', 1],
      ['503', 1],
      ['ECONNRESET', 1],
    ],
  );
  t.equal(recorder.failedShare, 2 / 3);
});

t.test('slices follow each other without a gap, empty ones too', async (t) => {
  const { recorder, at, answer } = recorderAt();
  at(100);
  answer(200, 20);
  at(800);
  answer(200, 40);
  recorder.onFailure('cut off');
  at(900);
  recorder.finish();
  t.match(recorder.slices, [
    { atMs: 0, lengthMs: 250, answerCount: 1, failureCount: 0 },
    { atMs: 250, lengthMs: 250, answerCount: 0, p99Ms: 0 },
    { atMs: 500, lengthMs: 250, answerCount: 0 },
    { atMs: 750, lengthMs: 50, answerCount: 1, failureCount: 1 },
  ]);
  t.ok(Math.abs((recorder.slices[0]?.p99Ms ?? 0) - 20) < 0.1);
  t.equal(recorder.loadedMs, 800, 'what comes after the last request is not part of the load');
});

t.test('a long run has no more slices than a curve can show', async (t) => {
  const recorder = new Recorder(
    24 * 3_600_000,
    () => true,
    () => 0,
  );
  t.same(recorder.slices, []);
  const { recorder: short, at, answer } = recorderAt();
  at(10 * 3_600_000);
  answer(200, 1);
  t.ok(short.slices.length <= 1_200, 'even when the clock has jumped');
});
