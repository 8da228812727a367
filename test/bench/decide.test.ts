import t from 'tap';
import { gateBounds } from '../../bench/gate/bounds.ts';
import { decide, type GateRound } from '../../bench/gate/decide.ts';
import { gateSettings } from '../../bench/gate/settings.ts';
import { random } from './random.ts';

const SEED_COUNT = 100;
const BOUNDS = { toBase: 1.07, toRawUws: 10 };

interface Machine {
  /** What the branch costs; the base costs 1. */
  readonly slowDown: number;
  readonly seed: number;
}

/**
 * Rounds as a shared machine gives them: what is next to us makes all three up to twice as slow at once; each gateway is off by
 * 4 % in a round and, as V8 compiled it, by 1.5 % in a block; one round in ten hits something that makes one of the two a
 * third slower.
 */
function blocksOf({ slowDown, seed }: Machine): () => Promise<readonly GateRound[]> {
  const { uniform, normal } = random(seed);
  const oneOf = (): number => (uniform() < 0.05 ? 1.33 : 1);
  return () => {
    const [base, branch] = [45 * Math.exp(0.015 * normal()), 45 * slowDown * Math.exp(0.015 * normal())];
    const rounds = Array.from({ length: gateSettings.quick.roundsPerBlock }, () => {
      const machine = 1 + uniform();
      return {
        baseUs: machine * base * Math.exp(0.04 * normal()) * oneOf(),
        branchUs: machine * branch * Math.exp(0.04 * normal()) * oneOf(),
        rawUwsUs: machine * 8 * Math.exp(0.1 * normal()),
      };
    });
    return Promise.resolve(rounds);
  };
}

async function passCount(slowDown: number): Promise<number> {
  let count = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const { passes } = await decide(blocksOf({ slowDown, seed }), BOUNDS, gateSettings.quick);
    if (passes) count++;
  }
  return count;
}

t.test('a slow-down of 15 % fails in 99 of 100 runs at least, in quick form', async (t) => {
  const passed = await passCount(1.15);
  t.ok(passed <= 1, `${passed} passed`);
});

t.test('no slow-down passes in 99 of 100 runs at least, in quick form', async (t) => {
  const passed = await passCount(1);
  t.ok(passed >= 99, `${passed} passed`);
});

t.test('a branch that is quicker passes', async (t) => {
  t.equal(await passCount(0.85), SEED_COUNT);
});

t.test('a branch that is as slow as its base fails, when both are too slow for the machine', async (t) => {
  const round = { baseUs: 100, branchUs: 100, rawUwsUs: 8 };
  const decision = await decide(() => Promise.resolve(Array(8).fill(round)), BOUNDS, { blocksMin: 1, blocksMax: 1 });
  t.match(decision, { passes: false, toBase: { isWorse: false }, toRawUws: { isWorse: true, ratio: 12.5 } });
});

t.test('an unclear answer takes more blocks, up to the most; a clear one takes no more than the fewest', async (t) => {
  const blocks: number[] = [];
  const measure = (ratio: number) => (block: number) => {
    blocks.push(block);
    // One round on the bound's other side keeps the interval of 8 open.
    const branchUs = [...Array(7).fill(ratio), 1].map((each) => each * 40);
    return Promise.resolve(branchUs.map((us) => ({ baseUs: 40, branchUs: us, rawUwsUs: 8 })));
  };
  const limits = { blocksMin: 1, blocksMax: 3 };
  await decide(measure(1), BOUNDS, limits);
  t.same(blocks, [0]);
  blocks.length = 0;
  await decide(measure(1.2), BOUNDS, limits);
  t.same(blocks, [0, 1], 'of 16 rounds the interval leaves out two at either end');
});

t.test('the bound that is in force lies between no change and 15 %', async (t) => {
  t.ok(gateBounds.toBase > 1.03 && gateBounds.toBase < 1.12);
});
