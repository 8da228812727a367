// Publishes a configuration to a test's plane with its rate limits, whose slots and records are the real ones.

import type { Config } from '../../src/control/config/config.ts';
import { LimitRegistry } from '../../src/control/quota/limit-registry.ts';
import { compile, type TestPlane } from './plane.ts';

const registries = new WeakMap<TestPlane, LimitRegistry>();

/** @param epoch  larger than any before */
export function publishLimits(rig: TestPlane, config: Config, epoch: number): void {
  let registry = registries.get(rig);
  if (registry === undefined) {
    registry = new LimitRegistry(rig.shm.limits, rig.clock);
    registries.set(rig, registry);
  }
  const { arena, summary } = compile(config, epoch);
  const limits = registry.resolve(summary.limits);
  if (!limits.ok) throw new Error(limits.error);
  arena.writeIndexes('limitsAt', limits.value);
  rig.plane.attach(epoch, arena.buffer);
  registry.commit();
  rig.shm.control.raiseEpoch(epoch);
}
