import t from 'tap';
import {
  type HolderContext,
  holderTerms,
  LeaseHolder,
  REPLY_US_MAX,
} from '../../../../src/control/quota/leases/lease-holder.ts';
import {
  LEASE_US_MAX,
  type LeaseReply,
  type LeaseRequest,
  leaseTerms,
  TOKEN,
} from '../../../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../../../src/control/quota/leases/share-bucket.ts';

const START_US = 1e9;

function rig() {
  const context: HolderContext = { holder: 'a', sequence: 0, roundTripUs: 1_000 };
  const bucket = new ShareBucket();
  const holder = new LeaseHolder(context, bucket, 1_000 * TOKEN, 100 * TOKEN, START_US);
  let nowUs = START_US;
  /** Demand for so long, polled as it should be. @returns the first request, and when */
  const demand = (perSecond: number, us: number): LeaseRequest | undefined => {
    for (const endUs = nowUs + us; nowUs < endUs; ) {
      nowUs += 25_000;
      bucket.demandCount += perSecond / 40;
      const request = holder.poll(nowUs, 0);
      if (request !== undefined) return request;
    }
    return undefined;
  };
  return {
    bucket,
    holder,
    demand,
    pass: (us: number) => (nowUs += us),
    /** The store answers a millisecond later. */
    answer: (request: LeaseRequest, given: Partial<LeaseReply>): void => {
      nowUs += 1_000;
      holder.answered(nowUs, request, reply(given));
    },
    now: () => nowUs,
    must: (request: LeaseRequest | undefined): LeaseRequest => {
      if (request === undefined) throw new Error('a request was expected');
      return request;
    },
  };
}

const reply = (given: Partial<LeaseReply>): LeaseReply => ({
  status: 0,
  rate: 0,
  burst: 0,
  moved: 0,
  waitUs: 0,
  crowdingPercent: 50,
  holderCount: 1,
  ...given,
});

t.test('a cold key buys what waits, and forgets what it did not spend in time', async (t) => {
  const { holder, bucket, must, now, pass } = rig();
  t.ok(holder.mayWait(now()));
  t.equal(holder.poll(now(), 0), undefined, 'nobody waits');
  const request = must(holder.poll(now(), 2));
  t.match(request, { wanted: 2 * TOKEN, heldRate: 0, heldBurst: 0, isLease: false, purchaseUs: 5_000 });
  t.equal(holder.poll(now(), 2), undefined, 'one at a time');
  holder.answered(pass(1_000), request, reply({ burst: 2 * TOKEN, moved: 2 * TOKEN }));
  t.ok(bucket.take(now()));
  pass(3_900);
  t.equal(bucket.level(now()), TOKEN);
  pass(100);
  t.equal(bucket.level(now()), 0, 'its time runs from before it was asked for');
  t.ok(holder.isIdle(now()));
});

t.test('nothing before T: until then a refused flood asks nothing', async (t) => {
  const { holder, must, now, pass } = rig();
  const request = must(holder.poll(now(), 1));
  holder.answered(pass(1_000), request, reply({ waitUs: 700_000 }));
  t.equal(holder.notBeforeUs, now() + 700_000);
  t.notOk(holder.mayWait(now()));
  t.equal(holder.poll(pass(699_999), 1), undefined);
  t.notOk(holder.isIdle(now()), 'what it knows is of use');
  pass(1);
  t.ok(holder.mayWait(now()));
  t.match(holder.poll(now(), 1), { wanted: TOKEN });
});

t.test('a busy key leases a share, keeps room for what is on its way, and reports every half second', async (t) => {
  const { holder, bucket, demand, must, now, pass } = rig();
  const request = must(demand(400, 1e6));
  t.match(request, { isLease: true, heldRate: 0 });
  const sentUs = now();
  holder.answered(pass(1_000), request, reply({ rate: 800 * TOKEN, burst: 70 * TOKEN, moved: 70 * TOKEN }));
  t.equal(bucket.untilUs, sentUs + LEASE_US_MAX * 0.99);
  // The first poll knew little of the demand; a second report says more.
  const report = must(demand(400, 300_000));
  t.match(report, { heldRate: 800 * TOKEN, heldBurst: 70 * TOKEN, wanted: 0 });
  t.ok(report.demand > 350 * TOKEN);
  holder.answered(pass(1_000), report, reply({ rate: 800 * TOKEN, burst: 70 * TOKEN }));
  t.equal(demand(400, 300_000), undefined, 'nothing to report');
  while (bucket.take(now()));
  const next = must(holder.poll(now(), 1));
  t.match(next, { heldRate: 800 * TOKEN, heldBurst: 70 * TOKEN - next.wanted, spareBurst: next.wanted });
  t.ok(next.wanted > 20 * TOKEN, 'the demand of 60 ms');
  t.equal(next.heldBurst, bucket.burst, 'it runs with what it says');
  holder.answered(pass(1_000), next, reply({ rate: 800 * TOKEN, burst: 70 * TOKEN, moved: next.wanted }));
  t.equal(bucket.burst, 70 * TOKEN);
  const fromUs = now();
  t.match(demand(400, 1e6), { wanted: 0, heldBurst: 70 * TOKEN });
  t.ok(now() - fromUs <= holderTerms.renewUs + 25_000);
});

t.test('demand that falls is given up before the store hears of it', async (t) => {
  const { bucket, demand, must, now, answer } = rig();
  const share = { rate: 980 * TOKEN, burst: 88 * TOKEN };
  answer(must(demand(1_000, 1e6)), { ...share, moved: 88 * TOKEN });
  // Its first share is looked after soon.
  answer(must(demand(1_000, 1e6)), share);
  t.equal(demand(1_000, 200_000), undefined);
  const fromUs = now();
  const request = must(demand(0, 1e6));
  t.ok(now() - fromUs <= 100_000, 'long before the next report is due');
  t.match(request, { heldRate: 0, heldBurst: 0, isLease: false, demand: 0 });
  t.ok(request.returned > 80 * TOKEN);
  t.equal(bucket.level(now()), 0);
});

t.test('a reply that comes too late grants nothing, and changes nothing', async (t) => {
  const { holder, bucket, must, now, pass } = rig();
  const request = must(holder.poll(now(), 1));
  holder.failed(pass(REPLY_US_MAX), request);
  t.equal(holder.outcome, 'failed');
  holder.answered(pass(1), request, reply({ burst: TOKEN, moved: TOKEN }));
  t.equal(bucket.level(now()), 0);
  const second = must(holder.poll(pass(REPLY_US_MAX), 1));
  t.equal(second.sequence, request.sequence + 1);
  holder.answered(pass(5_000), second, reply({ burst: TOKEN, moved: TOKEN }));
  t.equal(bucket.level(now()), 0, 'past its own time');
  t.equal(holder.outcome, 'failed');
});

t.test(
  'a share that the store made smaller is acknowledged soon, with the tokens that it has no room for',
  async (t) => {
    const { holder, bucket, demand, must, now, pass, answer } = rig();
    answer(must(demand(1_000, 1e6)), { rate: 980 * TOKEN, burst: 88 * TOKEN, moved: 50 * TOKEN });
    const report = must(demand(1_000, 1e6));
    const level = bucket.level(now());
    const given = { rate: 100 * TOKEN, burst: 9 * TOKEN, crowdingPercent: 900, holderCount: 8 };
    holder.answered(pass(1_000), report, reply(given));
    t.equal(bucket.rate, 100 * TOKEN);
    const fromUs = now();
    const acknowledgement = must(demand(1_000, 1e6));
    t.ok(now() - fromUs <= holderTerms.acknowledgeUs + 25_000);
    t.equal(acknowledgement.heldRate, 100 * TOKEN);
    t.ok(acknowledgement.returned >= level - 9 * TOKEN);
    t.notOk(holder.mayWait(now()), 'in a crowd, nothing is gained by waiting');
  },
);

t.test('a share of nothing is acknowledged too, whatever there is to wait for', async (t) => {
  const { holder, demand, must, now, pass, answer } = rig();
  answer(must(demand(100, 1e6)), { rate: 90 * TOKEN, burst: 9 * TOKEN });
  const report = must(demand(100, 1e6));
  holder.answered(pass(1_000), report, reply({ waitUs: 3_600e6 }));
  const fromUs = now();
  t.match(demand(100, 1e6), { heldRate: 0 });
  t.ok(now() - fromUs <= holderTerms.acknowledgeUs + 25_000);
});

t.test('without the store it may go on with its part, from an empty bucket, when no lease can be left', async (t) => {
  const { holder, bucket, demand, must, now, pass, answer } = rig();
  const first = must(demand(400, 1e6));
  holder.failed(pass(REPLY_US_MAX), first);
  t.notOk(holder.fallBack(pass(1e9), 8), 'it has never seen the store');
  answer(must(demand(400, 1e6)), { rate: 800 * TOKEN, burst: 70 * TOKEN, moved: 70 * TOKEN });
  const answeredUs = now();
  for (;;) {
    const report = must(demand(400, 1e6));
    holder.failed(pass(REPLY_US_MAX), report);
    if (holder.fallBack(now(), 8)) break;
  }
  t.ok(now() >= answeredUs + LEASE_US_MAX);
  t.equal(bucket.level(now()), 0);
  t.equal(bucket.level(pass(10e3)), Math.floor(125 * TOKEN * 10e-3 * leaseTerms.pace));
  t.equal(bucket.level(pass(1e6)), 12.5 * TOKEN);
  t.ok(holder.fallBack(now(), 8));
  const last = must(demand(400, 1e6));
  t.match(last, { heldRate: 125 * TOKEN }, 'what it runs with, whatever its demand');
  answer(last, { rate: 90 * TOKEN, burst: 9 * TOKEN });
  t.equal(bucket.rate, 90 * TOKEN);
  t.notOk(holder.fallBack(pass(1e6), 8));
});

t.test('what is held is given back at the end', async (t) => {
  const { holder, bucket, demand, must, now, pass, answer } = rig();
  t.equal(holder.close(now()), undefined, 'nothing yet');
  answer(must(demand(500, 1e6)), { rate: 900 * TOKEN, burst: 80 * TOKEN, moved: 20 * TOKEN });
  t.match(holder.close(now()), { heldRate: 0, heldBurst: 0, returned: 20 * TOKEN, demand: 0 });
  t.notOk(bucket.take(pass(1e6)));
});

t.test('however it starves, it asks no more than 20 times a second', async (t) => {
  const { holder, now, pass } = rig();
  let count = 0;
  for (const endUs = now() + 1e6; now() < endUs; pass(1_000)) {
    const request = holder.poll(now(), 1);
    if (request === undefined) continue;
    count++;
    holder.answered(pass(500), request, reply({ burst: TOKEN, moved: TOKEN }));
  }
  t.ok(count <= 20, `${count}`);
});

t.test(
  'a new key has its share before a tenth of a second is over, and reports again once it knows its neighbours',
  async (t) => {
    const { demand, must, now, answer } = rig();
    const fromUs = now();
    const first = must(demand(120, 1e6));
    t.ok(now() - fromUs <= 75_000, 'four requests say what is asked for');
    t.ok(first.isLease && first.demand >= 80 * TOKEN && first.demand <= 240 * TOKEN, `${first.demand / TOKEN}/s`);
    answer(first, { rate: 200 * TOKEN, burst: 20 * TOKEN, moved: 10 * TOKEN, holderCount: 8 });
    const saidUs = now();
    answer(must(demand(120, 1e6)), { rate: 200 * TOKEN, burst: 20 * TOKEN, moved: 10 * TOKEN, holderCount: 8 });
    t.ok(now() - saidUs <= 130_000);
    const settledUs = now();
    must(demand(120, 1e6));
    t.ok(now() - settledUs >= 400_000, 'and then at leisure');
  },
);

t.test('few requests of a new key are no demand for a share', async (t) => {
  const { demand } = rig();
  t.equal(demand(3 / 0.025, 25_000), undefined);
  t.equal(demand(0, 500_000), undefined);
});
