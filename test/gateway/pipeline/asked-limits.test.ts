import t from 'tap';
import { AskedLimits } from '../../../src/gateway/pipeline/asked-limits.ts';
import { errors, WAIT } from '../../../src/gateway/pipeline/errors.ts';
import { type Exchange, Phase } from '../../../src/gateway/pipeline/exchange.ts';
import { Parking, RERUN } from '../../../src/gateway/pipeline/parking.ts';
import type { LimitQuestion } from '../../../src/gateway/worker-messages.ts';

function rig(countMax = 8) {
  const resumed: [Exchange, number, number | undefined][] = [];
  const questions: LimitQuestion[] = [];
  // What a step does when it is run again: look for its answer.
  const parking = new Parking(
    (x, verdict) => resumed.push([x, verdict, asked.take(x)?.shortfall]),
    () => {},
    countMax,
  );
  const asked: AskedLimits = new AskedLimits(parking, (question) => void questions.push(question));
  asked.set(true);
  const exchange = () => ({ phase: Phase.DECIDING, parkKey: '' }) as Exchange;
  return { parking, asked, resumed, questions, exchange };
}

t.test('each question waits for its own answer, and takes it once', async (t) => {
  const { asked, resumed, questions, exchange } = rig();
  const [a, b] = [exchange(), exchange()];
  t.same([asked.ask(a, 1, 2, 3, 4), asked.ask(b, 5, 6, 7, 8)], [WAIT, WAIT]);
  t.same(questions, [
    [1, 1, 2, 3, 4],
    [2, 5, 6, 7, 8],
  ]);
  asked.receive([
    [2, 70, 0, 9, 8],
    [1, 0, 3, 1, 0],
  ]);
  t.same(resumed, [
    [b, RERUN, 70],
    [a, RERUN, 0],
  ]);
  t.equal(asked.take(a), undefined);
});

t.test('when the other process is gone, everybody who waits is decided here, without an answer', async (t) => {
  const { parking, asked, resumed, exchange } = rig();
  const [a, b] = [exchange(), exchange()];
  asked.ask(a, 1, 2, 3, 4);
  asked.ask(b, 1, 2, 3, 4);
  asked.set(false);
  t.same(resumed, [
    [a, RERUN, undefined],
    [b, RERUN, undefined],
  ]);
  t.same([asked.isOn, parking.count], [false, 0]);
  asked.receive([[1, 0, 0, 0, 0]]);
  t.equal(resumed.length, 2, 'a late answer is nobody’s');
});

t.test('an answer for an exchange that has left is dropped; with no room, nothing is asked', async (t) => {
  const { parking, asked, resumed, questions, exchange } = rig(1);
  const gone = exchange();
  asked.ask(gone, 1, 2, 3, 4);
  t.equal(asked.ask(exchange(), 1, 2, 3, 4), errors.PARKING_FULL.id);
  t.equal(questions.length, 1);
  parking.leave(gone);
  asked.receive([[1, 0, 0, 0, 0]]);
  t.same(resumed, []);
  t.equal(asked.take(gone), undefined);
});
