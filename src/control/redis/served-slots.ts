// Which master serves which slots, as a cluster or a sentinel says it.

import { err, ok, type Result } from '../../base/result.ts';
import { SLOT_COUNT } from './key-slot.ts';
import type { HostPort } from './store-address.ts';

export interface ServedSlots {
  readonly masters: readonly HostPort[];
  /** Per slot, the index of its master and one more; 0 where nobody serves it. */
  readonly ownerOf: Uint16Array;
}

// What Redis recommends at most; each is a connection.
export const MASTER_COUNT_MAX = 1_000;

/**
 * @param reply  of CLUSTER SLOTS: per range its first and last slot, then its master and replicas as host, port, …
 * @param asked  the host that answered, which has left its own name out where it does not know it
 * @returns what is wrong with the reply, for the log
 */
export function readClusterSlots(reply: unknown, asked: string): Result<ServedSlots, string> {
  if (!Array.isArray(reply)) return err('CLUSTER SLOTS is not answered with a list');
  const ownerOf = new Uint16Array(SLOT_COUNT);
  const masters: HostPort[] = [];
  const indexes = new Map<string, number>();
  for (const range of reply as unknown[]) {
    const [first, last, node] = Array.isArray(range) ? (range as unknown[]) : [];
    const [name, port] = Array.isArray(node) ? (node as unknown[]) : [];
    const isRange = isSlot(first) && isSlot(last) && first <= last;
    if (!isRange || !isPort(port)) return err('CLUSTER SLOTS has a range that is none');
    const host = name === null || name === '' ? asked : name;
    // '?': it should be a name, and is not known yet. Nobody can be asked about these slots.
    if (typeof host !== 'string' || host === '?') continue;
    const key = `${host}:${port}`;
    let index = indexes.get(key);
    if (index === undefined) {
      if (masters.length >= MASTER_COUNT_MAX) return err(`CLUSTER SLOTS names more than ${MASTER_COUNT_MAX} masters`);
      index = masters.push({ host, port });
      indexes.set(key, index);
    }
    ownerOf.fill(index, first, last + 1);
  }
  return masters.length === 0 ? err('the cluster serves no slots') : ok({ masters, ownerOf });
}

/** @param reply  of SENTINEL GET-MASTER-ADDR-BY-NAME: host and port */
export function readSentinelMaster(reply: unknown): Result<ServedSlots, string> {
  if (reply === null) return err('the sentinel knows no master of this name');
  const [host, portText] = Array.isArray(reply) ? (reply as unknown[]) : [];
  const port = Number(portText);
  if (typeof host !== 'string' || host === '' || !isPort(port)) return err('the sentinel names no host and port');
  return ok(oneServer({ host, port }));
}

/** All slots are the one's. */
export function oneServer(server: HostPort): ServedSlots {
  return { masters: [server], ownerOf: new Uint16Array(SLOT_COUNT).fill(1) };
}

function isSlot(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOT_COUNT;
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
}
