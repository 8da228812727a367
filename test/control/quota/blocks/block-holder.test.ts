import t from 'tap';
import {
  type BlockBucket,
  type BlockContext,
  BlockHolder,
  blockTerms,
} from '../../../../src/control/quota/blocks/block-holder.ts';
import {
  answerBlock,
  type BlockRecord,
  type BlockReply,
  type BlockRequest,
  REBUILD_US,
} from '../../../../src/control/quota/blocks/block-record.ts';
import type { CalendarWindow } from '../../../../src/control/quota/blocks/calendar-window.ts';
import { mulberry } from '../leases/simulation.ts';

const DAY: CalendarWindow = { id: 'day', startMs: 0, endMs: 86_400_000 };

class Bucket implements BlockBucket {
  demandCount = 0;
  left = 0;

  add(tokens: number): void {
    this.left += tokens;
  }

  drain(): number {
    const left = this.left;
    this.left = 0;
    return left;
  }

  take(): boolean {
    this.demandCount++;
    if (this.left === 0) return false;
    this.left--;
    return true;
  }
}

function rig(limit = 1_000, total = 0) {
  const bucket = new Bucket();
  const context: BlockContext = { holder: 'a', sequence: 0 };
  return { bucket, holder: new BlockHolder(context, bucket, limit, DAY, total, 1_000) };
}

const must = (request: BlockRequest | undefined): BlockRequest => {
  if (request === undefined) throw new Error('a request was expected');
  return request;
};
const reply = (granted: number, status: BlockReply['status'] = 0): BlockReply => ({ status, granted, remaining: 0 });

t.test('a first request buys what waits; a busy key buys ahead', async (t) => {
  const { bucket, holder } = rig();
  t.ok(holder.mayWait(1_000));
  t.equal(holder.poll(1_000, 0), undefined);
  const first = must(holder.poll(1_001, 2));
  t.match(first, { wanted: 2, total: 0, endMs: DAY.endMs });
  holder.answered(1_002, first, reply(2));
  t.equal(bucket.left, 2);
  let nowMs = 1_002;
  let bought = 0;
  for (; nowMs < 30_000; nowMs += 10) {
    if (!bucket.take()) bought = 0;
    const request = holder.poll(nowMs, bucket.left === 0 ? 1 : 0);
    if (request === undefined) continue;
    bought = request.wanted;
    holder.answered(nowMs, request, reply(request.wanted));
  }
  t.ok(bought > 150 && bought < 450, `${bought}: of 100 a second, some seconds' worth`);
});

t.test('without a reply it asks again with the same words', async (t) => {
  const { bucket, holder } = rig();
  const first = must(holder.poll(1_000, 1));
  holder.failed(first);
  t.equal(holder.poll(1_010, 1), undefined, 'not at once');
  t.equal(holder.poll(1_100, 1), first);
  holder.answered(1_101, first, reply(1));
  holder.answered(1_102, first, reply(1));
  t.equal(bucket.left, 1, 'one reply counts');
});

t.test('a quota that is used up is asked for once a second, whatever waits', async (t) => {
  const { holder } = rig();
  holder.answered(1_001, must(holder.poll(1_000, 1)), reply(0));
  t.notOk(holder.mayWait(1_500));
  t.equal(holder.poll(1_999, 1), undefined);
  t.match(holder.poll(2_001, 1), { wanted: 1 });
});

t.test('what lies unused goes back, and so does all at the end, but not after the window', async (t) => {
  const { bucket, holder } = rig();
  holder.answered(1_001, must(holder.poll(1_000, 5)), reply(5));
  bucket.take();
  holder.poll(1_200, 0);
  t.equal(holder.poll(5_000, 0), undefined);
  const back = must(holder.poll(1_200 + blockTerms.idleMs, 0));
  t.match(back, { returned: 4, total: 1, wanted: 0 });
  t.equal(bucket.left, 0);
  t.equal(holder.close(20_000), undefined);
  holder.answered(20_000, back, reply(0));
  bucket.add(3);
  t.match(holder.close(20_000), { returned: 3 });
  bucket.add(3);
  t.equal(holder.close(DAY.endMs), undefined);
  t.equal(holder.poll(DAY.endMs, 1), undefined);
});

t.test('a store that lost its data hears what each holder has', async (t) => {
  const { holder } = rig(1_000, 40);
  t.equal(holder.poll(2_000, 0), undefined);
  holder.reportSoon();
  t.match(holder.poll(2_000, 0), { total: 40, wanted: 0, returned: 0 });
});

t.test(
  'never more than the limit is spent, whoever crashes and whatever is lost; and all of it, when nobody does',
  async (t) => {
    for (let seed = 1; seed <= 60; seed++) {
      const isHarsh = seed % 2 === 0;
      const { spent, limit } = run(seed, isHarsh);
      t.ok(spent <= limit, `seed ${seed}: ${spent} of ${limit}`);
      if (!isHarsh) t.equal(spent, limit, `seed ${seed}`);
    }
  },
);

/** Some instances use one quota for 60 s, in steps of 10 ms; harsh: with lost replies, crashes and a store that forgets. */
function run(seed: number, isHarsh: boolean) {
  const random = mulberry(seed);
  const limit = 1 + Math.floor(random() * 5_000);
  const marker = { serverId: 's', bornUs: 0 };
  let record: BlockRecord | undefined;
  let spent = 0;
  const begin = (name: string, total: number, nowMs: number) => {
    const bucket = new Bucket();
    return {
      name,
      bucket,
      holder: new BlockHolder({ holder: name, sequence: nowMs }, bucket, limit, DAY, total, nowMs),
    };
  };
  const instances = ['a', 'b', 'c', 'd'].map((name) => begin(name, 0, 0));
  for (let nowMs = REBUILD_US / 1_000; nowMs < 60_000; nowMs += 10) {
    const nowUs = nowMs * 1_000;
    if (isHarsh && random() < 0.0005) {
      // All is forgotten but what holders know; who lives says so.
      record = undefined;
      marker.bornUs = nowUs;
      for (const { holder } of instances) holder.reportSoon();
    }
    for (const [index, { name, bucket, holder }] of instances.entries()) {
      for (let n = Math.floor(random() * 4 * (index + 1)); n > 0; n--) if (bucket.take()) spent++;
      // Killed, and started again with what it had on disk.
      if (isHarsh && random() < 0.0005) {
        instances[index] = begin(name, holder.total, nowMs + 1);
        instances[index]?.holder.reportSoon();
        continue;
      }
      const request = holder.poll(nowMs, bucket.left === 0 ? 1 : 0);
      if (request === undefined) continue;
      const isUnheard = isHarsh && random() < 0.1;
      const isLost = isHarsh && random() < 0.1;
      if (!isUnheard) {
        const answer = answerBlock(record, marker, request, nowUs);
        record = answer.record;
        if (!isLost) {
          holder.answered(nowMs, request, answer.reply);
          continue;
        }
      }
      holder.failed(request);
    }
  }
  return { spent, limit };
}
