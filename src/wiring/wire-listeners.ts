// What the main thread does for the listeners.

import type { Log } from '../control/log.ts';
import { ConnectionWatch } from '../control/workers/connection-watch.ts';
import type { ListenerPlan } from '../control/workers/listener-plan.ts';
import type { TaskPool } from '../control/workers/task-pool.ts';
import { Acceptors } from '../gateway/listener/uws/acceptors.ts';
import type { Parts } from './parts.ts';
import { StartError } from './start-error.ts';

/** @returns undefined when no address has a limit that the main thread would have to count for */
export function watchConnections({
  gateway,
  plan,
  fleet,
  tasks,
  clock,
  log,
}: Pick<Parts, 'gateway' | 'plan' | 'fleet' | 'clock'> & { readonly tasks: TaskPool; readonly log: Log }) {
  if (gateway.limits.connectionsPerAddress === 0 || plan.uws.length === 0) return undefined;
  return new ConnectionWatch({
    ports: () => plan.uwsPorts,
    count: (ports) => tasks.countConnections(ports),
    tell: (counts) => fleet.tellConnections(counts),
    warn: (message) => log('warn', message),
    nowMs: () => clock.nowUs() / 1_000,
  });
}

/** @throws {StartError} */
export function acceptorsOf({ uws, tls }: ListenerPlan): Acceptors {
  try {
    return new Acceptors(uws.map(({ host, port }, index) => ({ host, port, tls: tls.uws[index] })));
  } catch {
    // uWebSockets.js says no more than that.
    throw new StartError(['gateway.listen: uWebSockets.js refuses a certificate, a key or the ciphers of a listener']);
  }
}
