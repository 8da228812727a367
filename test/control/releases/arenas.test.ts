import fc from 'fast-check';
import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { type ArenaSlot, Arenas, arenaBytes } from '../../../src/control/releases/arenas.ts';
import { ARENA_COUNT, ControlBlock } from '../../../src/shm/control-block.ts';

const WORKER = 0 as WorkerIndex;

function rig() {
  const control = ControlBlock.create(2, 1, 2);
  return { control, arenas: new Arenas(control) };
}

t.test('the largest free arena is taken first', async (t) => {
  const { arenas } = rig();
  const slots = [1, 3, 2].map((size) => {
    const slot = arenas.reserve() as ArenaSlot;
    slot.buffer = new SharedArrayBuffer(size * 4_096);
    return slot;
  });
  for (const slot of slots) arenas.release(slot);
  const sizes = [1, 2, 3, 4].map(() => arenas.reserve()?.buffer?.byteLength);
  t.same(sizes, [3 * 4_096, 2 * 4_096, 4_096, undefined]);
  t.equal(arenas.bytes, 6 * 4_096);
});

t.test('an arena is free when nobody has reserved it and no worker pins it', async (t) => {
  const move = fc.tuple(fc.constantFrom('reserve', 'release', 'pin', 'unpin'), fc.nat(ARENA_COUNT - 1));
  const law = fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
    const { arenas, control } = rig();
    const reserved = new Map<number, ArenaSlot>();
    const pinned = new Set<number>();
    for (const [what, which] of moves) {
      if (what === 'reserve') {
        const slot = arenas.reserve();
        if (slot === undefined || reserved.has(slot.index) || pinned.has(slot.index)) return false;
        reserved.set(slot.index, slot);
      } else if (what === 'release') {
        const slot = [...reserved.values()][which % Math.max(1, reserved.size)];
        if (slot === undefined) continue;
        arenas.release(slot);
        reserved.delete(slot.index);
      } else if (what === 'pin' && pinned.size < 10) {
        control.pin(WORKER, which);
        pinned.add(which);
      } else if (what === 'unpin') {
        control.unpin(WORKER, which);
        pinned.delete(which);
      }
      if (reserved.size + pinned.size > ARENA_COUNT - 12) break;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('there are 64, and no more', async (t) => {
  const { arenas } = rig();
  const slots = Array.from({ length: ARENA_COUNT }, () => arenas.reserve());
  t.equal(new Set(slots).size, 64);
  t.equal(arenas.reserve(), undefined);
  arenas.release(slots[5] as ArenaSlot);
  t.equal(arenas.reserve(), slots[5]);
});

t.test('an arena is large enough for its snapshot to grow by a third, up to the largest snapshot', async (t) => {
  const law = fc.property(fc.integer({ min: 0, max: 2 ** 30 }), (bytes) => {
    const size = arenaBytes(bytes);
    return size >= bytes * (4 / 3) && size >= 64 * 1_024 && size % 4_096 === 0 && size <= bytes * (4 / 3) + 64 * 1_024;
  });
  t.doesNotThrow(() => fc.assert(law));
});
