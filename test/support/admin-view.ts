// What the admin port looks at, with what a test says of it.

import type { AdminView } from '../../src/control/admin/admin-view.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';

export function buildView(parts: Partial<AdminView> = {}): AdminView {
  return {
    shm: SharedMemory.create(2, 1, 2),
    nowMs: () => 5_000,
    series: () => [['shop\norders', 1]],
    targets: () => [['main\nhttp://a:1', 0]],
    registeredWorkers: () => 2,
    workerRestarts: () => 3,
    reloadsPublished: () => 4,
    reloadsRefused: () => 5,
    arenaBytes: () => 65_536,
    limitOverflows: () => 6,
    spans: () => ({ exported: 7, failed: 8, dropped: 9 }),
    notReady: () => [],
    ...parts,
  };
}
