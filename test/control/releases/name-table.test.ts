import fc from 'fast-check';
import t from 'tap';
import { NameTable } from '../../../src/control/releases/name-table.ts';

const FALLBACK = -1;

t.test('names get the lowest indexes in order, and keep them', async (t) => {
  const table = new NameTable(10, 1, 0);
  t.same([...table.resolve(['a', 'b'])], [1, 2]);
  t.same([...table.resolve(['c', 'b'])], [3, 2]);
  t.same([...table.resolve(['a'])], [1], 'while there is room, even when nobody used it for a while');
  t.same(
    [...table.entries()],
    [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ],
  );
});

t.test('it tells who has an index, and when somebody may have to give one away', async (t) => {
  const table = new NameTable(4, 1, 0);
  table.resolve(['a', 'b']);
  t.same(
    [0, 1, 2, 3, 4].map((index) => table.nameOf(index)),
    [undefined, 'a', 'b', undefined, undefined],
  );
  t.same(
    [['a', 'c'], ['c', 'd'], ['a', 'b', 'c', 'd'], []].map((names) => table.isFullFor(names)),
    [false, true, true, false],
  );
});

t.test('a name that stands twice has one index', async (t) => {
  t.same([...new NameTable(10, 0, 0).resolve(['a', 'a', 'b'])], [0, 0, 1]);
});

t.test('in a full table unused names make room, after a word about it, and then there is the fallback', async (t) => {
  const reused: number[] = [];
  const table = new NameTable(3, 1, 0, (index) => reused.push(index));
  table.resolve(['a', 'b']);
  const [b, c, d] = table.resolve(['b', 'c', 'd']);
  t.same([b, c, d], [2, 1, 0]);
  t.same(reused, [1]);
  t.same(
    [...table.entries()],
    [
      ['b', 2],
      ['c', 1],
    ],
  );
});

t.test('a name that is in use elsewhere is not pushed out', async (t) => {
  const table = new NameTable(2, 0, FALLBACK);
  table.resolve(['a', 'b']);
  t.same([...table.resolve(['c'], () => ['a', 'b'])], [FALLBACK]);
  t.same([...table.resolve(['c'], () => ['b'])], [0]);
});

t.test('whatever is resolved, no two names share an index, and nobody in use loses theirs', async (t) => {
  const name = fc.constantFrom(...'abcdefghij');
  const names = fc.uniqueArray(name, { maxLength: 8 });
  const law = fc.property(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 3, max: 9 }),
    fc.array(names),
    (first, size, steps) => {
      const reused = new Set<number>();
      const table = new NameTable(size, first, FALLBACK, (index) => reused.add(index));
      let before = new Map<string, number>();
      let held: readonly string[] = [];
      for (const step of steps) {
        reused.clear();
        const inUse = held;
        const indexes = [...table.resolve(step, () => inUse)];
        held = step;
        const now = new Map(table.entries());
        const own = indexes.filter((index) => index !== FALLBACK);
        if (new Set(own).size !== own.length || own.some((index) => index < first || index >= size)) return false;
        if (indexes.some((index, i) => index !== FALLBACK && now.get(step[i] as string) !== index)) return false;
        if (new Set(now.values()).size !== now.size) return false;
        for (const [known, index] of before) {
          const isKept = now.get(known) === index;
          const isNeeded = step.includes(known) || inUse.includes(known);
          if ((!isKept && isNeeded) || reused.has(index) === isKept) return false;
        }
        // The fallback is for a table that is full of names that somebody needs.
        if (own.length < indexes.length && [...now.keys()].some((n) => !step.includes(n) && !inUse.includes(n)))
          return false;
        before = now;
      }
      return true;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});
