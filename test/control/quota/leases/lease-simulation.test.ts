// LEASE_SEEDS=5000 searches on from where the suite stops.

import t from 'tap';
import { answerLease } from '../../../../src/control/quota/leases/lease-record.ts';
import { chaos } from './chaos.ts';
import { missed, targets } from './scenarios.ts';
import { mulberry, simulate, worstExcess } from './simulation.ts';

const SEED_COUNT = Number(process.env['LEASE_SEEDS'] ?? 100);
const SECONDS = 12;

t.test('leased shares use, refuse and cost what they are meant to', async (t) => {
  for (const target of targets) t.same(missed(target, simulate(target.scenario(1, 15))), []);
});

t.test('no window is ever over, whatever is lost, late, cut off, killed or forgotten', async (t) => {
  let admitted = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const outcome = simulate(chaos(seed, SECONDS));
    admitted += outcome.admitted;
    if (outcome.excess > 0) t.fail(`seed ${seed}: ${outcome.excess} over`);
  }
  t.ok(admitted > SEED_COUNT * 100, `${admitted} admitted`);
});

t.test('the simulation finds what is wrong with a store that forgets the old size of a share at once', async (t) => {
  const forgetful: typeof answerLease = (stored, marker, request, nowUs) => {
    const answer = answerLease(stored, marker, request, nowUs);
    const own = answer.record?.leases.find(({ holder }) => holder === request.holder);
    if (own !== undefined) own.rate = Math.min(own.rate, answer.reply.rate);
    return answer;
  };
  t.ok(findsExcess(forgetful));
});

t.test('and with one that takes a lost record for an unused limit', async (t) => {
  const trusting: typeof answerLease = (stored, marker, request, nowUs) => {
    if (stored !== undefined && stored.bornUs === marker.bornUs) return answerLease(stored, marker, request, nowUs);
    return answerLease(undefined, { ...marker, bornUs: 1 }, request, nowUs);
  };
  t.ok(findsExcess(trusting));
});

t.test('and with one whose purchases leave no mark', async (t) => {
  const careless: typeof answerLease = (stored, marker, request, nowUs) => {
    const answer = answerLease(stored, marker, request, nowUs);
    for (const lease of answer.record?.leases ?? []) if (lease.rate === 0) lease.burst = 0;
    return answer;
  };
  t.ok(findsExcess(careless));
});

function findsExcess(answer: typeof answerLease): boolean {
  for (let seed = 1; seed <= 400; seed++) {
    if (simulate({ ...chaos(seed, SECONDS), answer }).excess > 0) return true;
  }
  return false;
}

t.test('the law is what it says: every pair of admitted requests, compared', async (t) => {
  const random = mulberry(7);
  for (let round = 0; round < 50; round++) {
    const times: number[] = [];
    let time = 0;
    for (let n = 0; n < 40; n++) {
      time += Math.floor(random() * 300_000);
      times.push(time);
    }
    const rate = 1 + Math.floor(random() * 10);
    const burst = 1 + Math.floor(random() * 5);
    let worst = Number.NEGATIVE_INFINITY;
    times.forEach((from, i) => {
      for (let j = i; j < times.length; j++) {
        worst = Math.max(worst, j - i + 1 - burst - (rate * ((times[j] as number) - from)) / 1e6);
      }
    });
    t.ok(Math.abs(worstExcess(times, rate, burst) - worst) < 1e-6);
  }
});

t.test('the same seed gives the same run', async (t) => {
  t.same(simulate(chaos(5, 5)), simulate(chaos(5, 5)));
});
