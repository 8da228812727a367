import fc from 'fast-check';
import t from 'tap';
import { AddressLimit } from '../../../src/gateway/listener/address-limit.ts';

const NEVER_CLOSED = () => 0;

t.test('an address has so many connections, and others are not affected', async (t) => {
  const limit = new AddressLimit(3, 1, NEVER_CLOSED, () => {});
  t.same(
    [1, 2, 3, 4, 5].map(() => limit.opened('192.0.2.1', 0)),
    [true, true, true, false, false],
  );
  t.ok(limit.opened('192.0.2.2', 0));
});

t.test('what was counted goes before what opened', async (t) => {
  const limit = new AddressLimit(3, 1, NEVER_CLOSED, () => {});
  for (let i = 0; i < 3; i++) limit.opened('192.0.2.1', 0);
  limit.use([['192.0.2.1', 1]]);
  t.same(
    [1, 2, 3].map(() => limit.opened('192.0.2.1', 0)),
    [true, true, false],
  );
  limit.use([]);
  t.ok(limit.opened('192.0.2.1', 0));
});

t.test(
  'where something has closed there is a doubt: it is let in, and a count is asked for, ten times a second',
  async (t) => {
    let asked = 0;
    let closed = 2 ** 32 - 1;
    const limit = new AddressLimit(
      1,
      1,
      () => closed,
      () => asked++,
    );
    t.ok(limit.opened('192.0.2.1', 0));
    closed = 0;
    t.ok(limit.opened('192.0.2.1', 0), 'the one before may be gone');
    t.equal(asked, 1);
    t.notOk(limit.opened('192.0.2.1', 50), 'one of the two is there whoever closed');
    t.equal(asked, 1);
    limit.opened('192.0.2.1', 100);
    t.equal(asked, 2);
  },
);

t.test(
  'one of several workers asks for a count as soon as all may be past the limit, and goes on until it is past it alone',
  async (t) => {
    let asked = 0;
    const limit = new AddressLimit(4, 2, NEVER_CLOSED, () => asked++);
    const letIn = [1, 2, 3, 4, 5].map((i) => [limit.opened('192.0.2.1', i * 1_000), asked]);
    t.same(letIn, [
      [true, 0],
      [true, 0],
      [true, 1],
      [true, 2],
      [false, 3],
    ]);
  },
);

t.test(
  'whoever has fewer connections than the limit is never refused, and nobody is let in past it on a worker',
  async (t) => {
    const step = fc.record({
      kind: fc.constantFrom('open', 'close', 'count'),
      address: fc.constantFrom('a', 'b'),
      worker: fc.integer({ min: 0, max: 2 }),
    });
    const law = fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (max, steps) => {
      let closed = 0;
      const limits = [0, 1, 2].map(
        () =>
          new AddressLimit(
            max,
            3,
            () => closed,
            () => {},
          ),
      );
      const open = new Map([
        ['a', 0],
        ['b', 0],
      ]);
      for (const { kind, address, worker } of steps) {
        const has = open.get(address) ?? 0;
        if (kind === 'count') for (const limit of limits) limit.use(open);
        else if (kind === 'close' && has > 0) {
          open.set(address, has - 1);
          closed++;
        } else if (kind === 'open') {
          const isIn = limits[worker]?.opened(address, 0) === true;
          if (!isIn && has < max) return false;
          // One that is refused is closed, which is told, too.
          if (isIn) open.set(address, has + 1);
          else closed++;
        }
      }
      return true;
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 2_000 }));
  },
);
