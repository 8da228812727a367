import t from 'tap';
import { MemoryWatch, processMemory } from '../../../src/control/workers/memory-watch.ts';
import { ControlBlock } from '../../../src/shm/control-block.ts';

const MIB = 1024 ** 2;

t.test('the share rises from nothing at the limit to all a tenth above it', async (t) => {
  const control = ControlBlock.create(1, 0, 0);
  let residentBytes = 0;
  let configured: { bytes?: number; share?: number } = { share: 0.5 };
  const memory = { residentBytes: () => residentBytes, bytesMax: () => 1_000 * MIB };
  const watch = new MemoryWatch(control, () => configured, memory);
  const at = (mib: number): number => {
    residentBytes = mib * MIB;
    watch.look();
    return control.memoryShed();
  };
  t.same([at(100), at(500), at(525), at(550), at(5_000)], [0, 0, 500, 1_000, 1_000]);
  configured = { bytes: 2_000 * MIB };
  t.same([at(1_900), at(2_100)], [0, 500], 'a reload may change it');
  configured = {};
  t.equal(at(1e6), 0, 'none: never');
});

t.test('the process has memory, and no more of it than there is', async (t) => {
  t.ok(processMemory.residentBytes() > MIB);
  t.ok(processMemory.bytesMax() > processMemory.residentBytes() && processMemory.bytesMax() < 2 ** 50);
});
