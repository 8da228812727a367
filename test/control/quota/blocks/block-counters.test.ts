import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { ok } from '../../../../src/base/result.ts';
import { BlockCounters } from '../../../../src/control/quota/blocks/block-counters.ts';
import { answerBlock, type BlockRecord, type BlockRequest } from '../../../../src/control/quota/blocks/block-record.ts';
import type { HeldTotals } from '../../../../src/control/quota/durable/held-store.ts';
import { mulberry } from '../leases/simulation.ts';
import { type BlockScenario, simulateBlocks } from './block-simulation.ts';

const SEEDS = Number(process.env['BLOCK_SEEDS'] ?? 16);

function scenario(seed: number, parts: Partial<BlockScenario>): BlockScenario {
  const random = mulberry(seed);
  const limit = 1 + Math.floor(random() ** 2 * 12_000);
  return {
    ...{ seed, random, limit, seconds: 16, instanceCount: 2 + Math.floor(random() * 3), demand: 6 },
    ...{ loss: 0, crash: 0, cut: 0, flush: 0, downMsMax: 1_500, calmSeconds: 0 },
    ...parts,
  };
}

t.test('all of a quota is used and nothing more', async (t) => {
  for (let seed = 1; seed <= 4; seed++) {
    const each = scenario(seed, { limit: 100 + seed * 711, seconds: 20 });
    const { spent } = await simulateBlocks(each);
    t.same(spent, [each.limit, each.limit], `seed ${seed}`);
  }
});

t.test('replies that are lost or late and cuts cost nothing in the end', async (t) => {
  for (let seed = 1; seed <= Math.min(8, SEEDS / 4); seed++) {
    const each = scenario(seed, { limit: 10 + seed * 311, loss: 0.05, cut: 0.002, calmSeconds: 12, seconds: 20 });
    const { spent } = await simulateBlocks(each);
    t.same(spent, [each.limit, each.limit], `seed ${seed}`);
  }
});

t.test(
  'never over, whatever is lost and late, whoever crashes, takes over and comes back, whatever the store forgets',
  async (t) => {
    let flushes = 0;
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const each = scenario(seed, { loss: 0.05, crash: 0.004, cut: 0.002, flush: 0.002, seconds: 24 });
      const outcome = await simulateBlocks(each);
      flushes += outcome.flushes;
      crashes += outcome.crashes;
      for (const spent of outcome.spent) t.ok(spent <= each.limit, `seed ${seed}: ${spent} of ${each.limit}`);
    }
    t.ok(flushes > SEEDS && crashes > SEEDS, `${flushes} losses of the store, ${crashes} of processes`);
  },
);

t.test('over by no more than what an instance had had that was away while the store lost its data', async (t) => {
  let over = 0;
  for (let seed = 1; seed <= SEEDS / 3; seed++) {
    const each = scenario(seed, { loss: 0.02, crash: 0.004, flush: 0.002, downMsMax: 8_000, seconds: 24 });
    const { spent, forgotten } = await simulateBlocks(each);
    for (const [key, count] of spent.entries()) {
      t.ok(
        count <= each.limit + (forgotten[key] as number),
        `seed ${seed}: ${count} of ${each.limit} + ${forgotten[key]}`,
      );
      over += Math.max(0, count - each.limit);
    }
  }
  t.comment(`${over} over`);
});

/** Two lives on one disk, and a store that answers at once; the disk takes as long as the test says. */
function lives() {
  const totals = new Map<string, number>();
  const requests: BlockRequest[] = [];
  const writes: (() => void)[] = [];
  const store = { record: undefined as BlockRecord | undefined, marker: 'm1', isDiskSlow: false };
  const begin = (life: number): BlockCounters => {
    const key = `a${life}`;
    const held: HeldTotals = {
      holder: key,
      firstSequence: life * 1_000,
      marker: 'm1',
      totalOf: () => totals.get(key) ?? 0,
      async add(_id, tokens) {
        if (store.isDiskSlow) await new Promise<void>((resolve) => writes.push(resolve));
        totals.set(key, (totals.get(key) ?? 0) + tokens);
        return totals.get(key) ?? 0;
      },
      list: (after) =>
        after === ''
          ? [...totals].map(([holder, total]) => ({ id: 'q', holder, total, endMs: 2 ** 43, key: holder }))
          : [],
      settle: async () => {},
      prune: async () => {},
      close: async () => {},
    };
    return new BlockCounters({
      store: {
        isUp: true,
        async ask(_id, request) {
          requests.push(request);
          const answer = answerBlock(store.record, { serverId: 's', bornUs: 0, holdUntilUs: 0 }, request, 1e9);
          store.record = answer.record;
          return ok(answer.reply);
        },
        marker: async () => ok(store.marker),
        close: () => {},
      },
      held,
      clock: { nowUs: () => 0 },
      log: () => {},
    });
  };
  return { begin, store, requests, writes };
}

const WINDOW = { id: 'q', max: 1_000, endMs: 2 ** 43 };

t.test('what a store is told after a loss holds a grant that was on its way to the disk', async (t) => {
  const { begin, store, requests, writes } = lives();
  const counters = begin(1);
  t.match(await counters.take(WINDOW, 10), { granted: 10 });
  store.isDiskSlow = true;
  const taking = counters.take(WINDOW, 20);
  await nextTurn();
  store.marker = 'm2';
  counters.tick(10_000);
  await nextTurn();
  t.equal(requests.filter(({ sequence }) => sequence === 0).length, 0, 'it waits for the disk');
  for (const write of writes) write();
  t.match(await taking, { granted: 20 });
  await nextTurn();
  t.match(requests.at(-1), { sequence: 0, total: 30 });
});

t.test('a process that is taken over from gives back what it has, though its heir has asked meanwhile', async (t) => {
  const { begin, store } = lives();
  const old = begin(1);
  t.match(await old.take(WINDOW, 40), { granted: 40, left: 960 });
  const heir = begin(2);
  t.match(await heir.take(WINDOW, 40), { granted: 40, left: 920 });
  await old.giveBack([{ id: 'q', count: 30 }]);
  t.equal(store.record?.taken, 50);
  t.match(await heir.take(WINDOW, 1), { granted: 1, left: 949 });
  t.same(old.status().returned, 30);
});
