import t from 'tap';
import { MASTER_COUNT_MAX, readClusterSlots, readSentinelMaster } from '../../../src/control/redis/served-slots.ts';

t.test('CLUSTER SLOTS says which master serves which slots', async (t) => {
  const served = readClusterSlots(
    [
      [0, 99, ['10.0.0.1', 6379, 'id', []], ['10.0.0.9', 6379, 'id', []]],
      [100, 100, ['10.0.0.2', 6380, 'id', []]],
      [200, 16_383, ['10.0.0.1', 6379, 'id', []]],
      [150, 160, ['?', 6379, 'id', []]],
      [170, 170, [null, 7_000, 'id', []]],
    ],
    'asked.example',
  );
  t.ok(served.ok);
  if (!served.ok) return;
  const { masters, ownerOf } = served.value;
  t.same(masters, [
    { host: '10.0.0.1', port: 6379 },
    { host: '10.0.0.2', port: 6380 },
    { host: 'asked.example', port: 7_000 },
  ]);
  t.same(
    [0, 99, 100, 101, 155, 170, 200, 16_383].map((slot) => ownerOf[slot]),
    [1, 1, 2, 0, 0, 3, 1, 1],
  );
});

t.test('what is no such answer is refused, whatever it is', async (t) => {
  const node = ['a', 1];
  const refused = [null, 'x', [], [1], [[0]], [[0, 1]], [[1, 0, node]], [[0, 16_384, node]], [[0, 1, ['a', 0]]]];
  for (const reply of refused) t.equal(readClusterSlots(reply, 'h').ok, false, JSON.stringify(reply));
  const many = Array.from({ length: MASTER_COUNT_MAX + 1 }, (_, slot) => [slot, slot, [`h${slot}`, 1]]);
  t.match(readClusterSlots(many, 'h'), { ok: false, error: /more than 1000/ });
  t.equal(readClusterSlots(many.slice(1), 'h').ok, true);
  for (const reply of [null, [], ['', '1'], ['h', '0'], 'h']) t.equal(readSentinelMaster(reply).ok, false);
  t.match(readSentinelMaster(['10.0.0.1', '6379']), { value: { masters: [{ host: '10.0.0.1', port: 6379 }] } });
});
