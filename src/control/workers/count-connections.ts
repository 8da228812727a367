// The task 'how many connections does each address have to these ports?', from the system's tables (Linux).
//
// /proc/net/tcp, a line for each socket: number, local address:port, remote address:port, state, … An IPv4 address is one 32-bit
// word in hexadecimal, an IPv6 address four, each in the order of bytes of the machine.

import { readFile } from 'node:fs/promises';
import { peerAddress } from '../../base/peer-address.ts';

const LINE = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4} (01|08) /gm;
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/**
 * @param ports  that are listened on
 * @returns each address once; undefined where the system tells nothing of the kind
 */
export async function countConnections(
  ports: readonly number[],
): Promise<readonly (readonly [string, number])[] | undefined> {
  const tables = await Promise.all(TABLES.map((file) => readFile(file, 'latin1').catch(() => undefined)));
  if (tables[0] === undefined) return undefined;
  const counts = new Map<string, number>();
  for (const table of tables) countIn(table ?? '', new Set(ports), counts);
  return [...counts];
}

/** Established ones, and those whose client has closed its side. */
export function countIn(table: string, ports: ReadonlySet<number>, counts: Map<string, number>): void {
  for (const [, port = '', remote = ''] of table.matchAll(LINE)) {
    if (!ports.has(Number.parseInt(port, 16))) continue;
    const address = addressOf(remote);
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
}

function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  // Machines with Linux and Node.js are little-endian; the layouts of shared memory say so, too.
  bytes.swap32();
  return bytes.length === 4
    ? bytes.join('.')
    : peerAddress(Array.from({ length: 8 }, (_, group) => bytes.toString('hex', group * 2, group * 2 + 2)).join(':'));
}
