// Why the gateway should get no traffic yet, or no more: for /readyz.

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { WorkerFleet } from '../workers/worker-fleet.ts';

export function notReady(fleet: WorkerFleet, shm: SharedMemory): readonly string[] {
  const reasons: string[] = [];
  if (shm.control.isDraining()) reasons.push('the gateway is draining');
  if (shm.control.epoch() === 0) reasons.push('no snapshot is published');
  if (fleet.registeredCount === 0) reasons.push('no worker is registered');
  return reasons;
}
