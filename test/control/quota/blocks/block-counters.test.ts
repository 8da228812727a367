import t from 'tap';
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
