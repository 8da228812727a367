import t from 'tap';
import { BoundedCache } from '../../../../src/gateway/policies/auth/bounded-cache.ts';

t.test('an entry counts until its time is over', async (t) => {
  const cache = new BoundedCache<string>(10);
  cache.put('a', 'one', 100);
  t.equal(cache.get('a', 99), 'one');
  t.equal(cache.get('a', 100), undefined);
  t.equal(cache.count, 0, 'and is gone then');
});

t.test('past its bounds in number or in bytes the oldest make room', async (t) => {
  const cache = new BoundedCache<number>(3, 100);
  for (let n = 0; n < 4; n++) cache.put(`k${n}`, n, 1_000, 10);
  t.same([cache.get('k0', 0), cache.get('k1', 0), cache.count, cache.bytes], [undefined, 1, 3, 30]);
  cache.put('large', 4, 1_000, 85);
  t.same([cache.get('k3', 0), cache.get('k2', 0), cache.bytes], [3, undefined, 95]);
  cache.put('larger', 5, 1_000, 101);
  t.same(
    [cache.get('larger', 0), cache.get('large', 0)],
    [undefined, 4],
    'what is larger than all of it pushes nothing out',
  );
});

t.test('an entry that is put again counts once, and is the youngest', async (t) => {
  const cache = new BoundedCache<number>(2, 100);
  cache.put('a', 1, 1_000, 40);
  cache.put('b', 2, 1_000, 40);
  cache.put('a', 3, 1_000, 50);
  t.same([cache.count, cache.bytes], [2, 90]);
  cache.put('c', 4, 1_000, 10);
  t.same([cache.get('a', 0), cache.get('b', 0), cache.get('c', 0)], [3, undefined, 4]);
});
