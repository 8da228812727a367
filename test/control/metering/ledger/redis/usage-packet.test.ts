import fc from 'fast-check';
import t from 'tap';
import { PARTS_MAX } from '../../../../../src/control/metering/ledger/redis/ledger-scripts.ts';
import { type PacketRow, packetsOf } from '../../../../../src/control/metering/ledger/redis/usage-packet.ts';
import { namesOf, type UsageDelta } from '../../../../../src/control/metering/ledger/usage-delta.ts';
import { addFigures, noFigures, readFigures } from '../../../../../src/control/metering/ledger/usage-figures.ts';
import { USAGE_ROW_WORDS } from '../../../../../src/shm/usage-table.ts';

const bank = fc
  .array(fc.tuple(fc.nat(40), fc.array(fc.nat(1_000_000), { minLength: 30, maxLength: 30 })), { maxLength: 60 })
  .chain((rows) => fc.nat(2).map((minute) => ({ minute, rows })));

function deltaOf(
  banks: readonly { readonly minute: number; readonly rows: readonly [number, number[]][] }[],
): UsageDelta {
  return {
    instance: 'one',
    sequence: 1,
    banks: banks.map(({ minute, rows }) => {
      const words = new Uint32Array(rows.length * USAGE_ROW_WORDS);
      // Behind the four that say whose row it is.
      rows.forEach(([, figures], at) => words.set([0, 0, 0, 0, ...figures], at * USAGE_ROW_WORDS));
      return { minute, rows: words, names: rows.map(([name]) => `c${name}\nk\n\ns\nr\n\n`).join('') };
    }),
  };
}

t.test('packets hold what the delta holds: each pair of a minute and names once, in order', async (t) => {
  const law = fc.property(fc.array(bank, { maxLength: 4 }), (banks) => {
    const delta = deltaOf(banks);
    const expected = new Map<string, number[]>();
    for (const each of delta.banks) {
      namesOf(each).forEach((names, at) => {
        const key = `${each.minute} ${names.join('\n')}`;
        const sum = expected.get(key) ?? noFigures();
        addFigures(sum, readFigures(each.rows, at * USAGE_ROW_WORDS));
        expected.set(key, sum);
      });
    }
    const packets = packetsOf(delta);
    const rows = packets.flatMap(({ entries }) => entries.flatMap((entry) => JSON.parse(entry) as PacketRow[]));
    const found = new Map<string, number[]>();
    for (const [minute, names, figures] of rows) {
      const sum = noFigures();
      addFigures(sum, figures);
      found.set(`${minute} ${names}`, sum);
    }
    t.equal(found.size, rows.length);
    t.same(found, expected);
    t.same(packetsOf(delta), packets, 'always cut in the same places');
    const names = rows.map(([, name]) => name);
    return names.every((name, at) => at === 0 || (names[at - 1] as string) <= name);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 25 }));
});

t.test(
  'the largest delta has fewer parts than there are numbers for, and names are text that Redis can read',
  async (t) => {
    const rows = Array.from({ length: 8_190 }, (_, n): [number, number[]] => [n, [1]]);
    const packets = packetsOf(deltaOf([{ minute: 1, rows }]));
    t.same(
      packets.map(({ part }) => part),
      Array.from({ length: packets.length }, (_, n) => n),
    );
    t.ok(packets.length < PARTS_MAX);
    const half = { ...deltaOf([{ minute: 1, rows: [[1, [1]]] }]).banks[0], names: 'a\ud800\nk\n\ns\nr\n\n' };
    const [packet] = packetsOf({ instance: 'one', sequence: 1, banks: [half as UsageDelta['banks'][number]] });
    t.same(packet?.entries, ['[[1,"a\ufffd\\nk\\n\\ns\\nr\\n",[1]]]']);
  },
);
