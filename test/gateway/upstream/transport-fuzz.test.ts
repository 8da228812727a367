// Answers that nobody thought of, given to each transport and to a reference that reads them strictly. fast-check prints the
// seed and the smallest answer on which they differ. The suite plays the same answers each time; FUZZ_RUNS=100000 goes on a
// search for others.

import fc from 'fast-check';
import t, { type Test } from 'tap';
import { UndiciTransport } from '../../../src/gateway/upstream/transports/undici-transport.ts';
import { WireTransport } from '../../../src/gateway/upstream/transports/wire/wire-transport.ts';
import { fuzzedAnswer } from './fuzz/answer-arbitraries.ts';
import { isKnownDifference, knownDifferences } from './fuzz/known-differences.ts';
import { readStrictly } from './fuzz/read-strictly.ts';
import { transportJudge } from './fuzz/transport-judge.ts';
import { agree, type FuzzedAnswer, type Judge, type Verdict } from './fuzz/verdict.ts';

// About a millisecond each.
const SEARCH_COUNT = Number(process.env['FUZZ_RUNS'] ?? 0);
const RUN_COUNT = SEARCH_COUNT > 0 ? SEARCH_COUNT : 500;
const SEED = 20_261_125;

type IsExplained = (answer: FuzzedAnswer, a: Verdict, b: Verdict) => boolean;

const strict: Judge = async ({ bytes, isHead }) => readStrictly(bytes, isHead);

t.test('wire reads every answer as the strict reading does, wherever it is cut', async (t) => {
  const wire = await transportJudge(t, (options) => new WireTransport(options));
  await compareTransports(t, wire, strict, () => false);
});

t.test('undici reads every answer as the strict reading does, but for known differences', async (t) => {
  const undici = await transportJudge(t, (options) => new UndiciTransport(options));
  await compareTransports(t, undici, strict, isKnownDifference);
});

t.test('every known difference of undici is one still, and for its own reason', async (t) => {
  const undici = await transportJudge(t, (options) => new UndiciTransport(options));
  for (const { reason, example } of knownDifferences) {
    const answer = { bytes: example, isHead: false, cuts: [] };
    const [verdict, strictVerdict] = [await undici(answer), await strict(answer)];
    t.notOk(agree(verdict, strictVerdict), reason);
    const reasons = knownDifferences.filter(({ explains }) => explains(answer, verdict, strictVerdict));
    t.same(
      reasons.map(({ reason }) => reason),
      [reason],
    );
  }
});

async function compareTransports(t: Test, a: Judge, b: Judge, isExplained: IsExplained): Promise<void> {
  const counts = { end: 0, failed: 0 };
  const law = fc.asyncProperty(fuzzedAnswer, async (answer) => {
    const [verdictA, verdictB] = [await a(answer), await b(answer)];
    counts[verdictB.outcome]++;
    if (agree(verdictA, verdictB) || isExplained(answer, verdictA, verdictB)) return;
    throw new Error(`they differ: ${JSON.stringify({ ...answer, verdictA, verdictB })}`);
  });
  await fc.assert(law, { numRuns: RUN_COUNT, ...(SEARCH_COUNT === 0 && { seed: SEED }) });
  t.ok(counts.end > RUN_COUNT / 5 && counts.failed > RUN_COUNT / 5, `of both kinds: ${JSON.stringify(counts)}`);
}
