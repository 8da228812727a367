import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Outbox } from '../../../../../src/control/metering/ledger/redis/outbox.ts';
import type { UsagePacket } from '../../../../../src/control/metering/ledger/redis/usage-packet.ts';

function packet(sequence: number, text = 'four'): UsagePacket {
  return { instance: 'one', sequence, part: 0, entries: [text] };
}

t.test('what was pushed comes out in its order, by any process, and is counted', async (t) => {
  const folder = t.testdir({});
  // Two, as while one process takes over from another.
  const outboxes = [Outbox.open(folder), Outbox.open(folder)] as const;
  let sequence = 0;
  const waiting: number[] = [];
  const step = fc.record({ who: fc.nat(1), pushes: fc.nat(3) });
  const law = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    for (const { who, pushes } of steps) {
      const outbox = outboxes[who === 0 ? 0 : 1];
      if (pushes > 0) {
        const packets = Array.from({ length: pushes }, () => packet(++sequence));
        outbox.push(packets);
        waiting.push(...packets.map((each) => each.sequence));
      } else {
        const oldest = outbox.first();
        if (oldest?.packet.sequence !== waiting.shift()) return false;
        if (oldest === undefined) continue;
        // Both sent it.
        for (const each of outboxes) each.remove(oldest.key);
      }
      for (const each of outboxes) {
        const { packets, bytes } = each.counts();
        if (packets !== waiting.length || bytes !== 4 * waiting.length) return false;
      }
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 15 }));
  for (const each of outboxes) await each.close();
});

t.test('it is there after the process, keeps to its bound, and has room again', async (t) => {
  const folder = t.testdir({});
  const outbox = Outbox.open(folder, 10);
  outbox.push([packet(1), packet(2)]);
  t.throws(() => outbox.push([packet(3)]), /the outbox of usage is full: 10 bytes/);
  t.throws(() => outbox.push([packet(3, ''), packet(4, 'ééé')]), /full/, 'bytes, not characters; all or nothing');
  await outbox.close();
  const next = Outbox.open(folder, 10);
  t.same(next.counts(), { packets: 2, bytes: 8 });
  const oldest = next.first();
  t.same(oldest?.packet, packet(1));
  next.remove(oldest?.key ?? 0);
  next.push([packet(3)]);
  t.same(next.first()?.packet, packet(2));
  await next.close();
});

t.test('a file that is no outbox is said', async (t) => {
  const folder = t.testdir({});
  mkdirSync(join(folder, 'usage-outbox'));
  writeFileSync(join(folder, 'usage-outbox', 'data.mdb'), 'x');
  t.throws(() => Outbox.open(folder), /usage-outbox\/data\.mdb is no store of the ledger, or a damaged one/);
});
