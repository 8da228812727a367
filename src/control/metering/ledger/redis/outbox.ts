// What Redis could not take, on this instance's disk until it can: LMDB in <data folder>/usage-outbox. Two processes may use one
// folder at a time (a take-over); what both send counts once.
//
//   database   key              value
//   ---------------------------------------------------------------------------
//   packets    1, 2, 3 …        a packet (usage-packet.ts), in the order in which it came
//   meta       'next'           the key of the next packet
//   meta       'packets'        how many wait
//   meta       'bytes'          of their entries
//
// A push is one transaction, and on the disk when it returns.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { checkStoreFile } from '../check-store-file.ts';
import type { UsagePacket } from './usage-packet.ts';

/** lmdb has it, and its types do not. */
interface WithReset {
  resetReadTxn(): void;
}

const FOLDER = 'usage-outbox';
const FILE = 'data.mdb';
// 1,000 rows 3 times a second are 450 KB: ten minutes of them, an hour and a half of a hundred.
const BYTES_MAX = 256 * 2 ** 20;

export class Outbox {
  readonly #root: RootDatabase & WithReset;
  readonly #packets: Database<UsagePacket, number>;
  readonly #meta: Database<number, string>;
  readonly #bytesMax: number;

  private constructor(root: RootDatabase & WithReset, bytesMax: number) {
    this.#root = root;
    this.#packets = root.openDB<UsagePacket, number>('packets', {});
    this.#meta = root.openDB<number, string>('meta', {});
    this.#bytesMax = bytesMax;
  }

  /**
   * @param folder  the data folder; made when it is not there
   * @throws {Error} it cannot be used
   */
  static open(folder: string, bytesMax = BYTES_MAX): Outbox {
    const path = join(folder, FOLDER);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    checkStoreFile(join(path, FILE));
    const root = open({ path, maxDbs: 2, overlappingSync: false });
    return new Outbox(root as RootDatabase & WithReset, bytesMax);
  }

  counts(): { readonly packets: number; readonly bytes: number } {
    this.#root.resetReadTxn();
    return { packets: this.#meta.get('packets') ?? 0, bytes: this.#meta.get('bytes') ?? 0 };
  }

  /**
   * Behind what is there.
   * @throws {Error} it is full, or its disk is; nothing has changed
   */
  push(packets: readonly UsagePacket[]): void {
    this.#root.transactionSync(() => {
      const bytes = packets.reduce((sum, packet) => sum + bytesOf(packet), this.#meta.get('bytes') ?? 0);
      if (bytes > this.#bytesMax) throw new Error(`the outbox of usage is full: ${this.#bytesMax} bytes`);
      let next = this.#meta.get('next') ?? 1;
      for (const packet of packets) this.#packets.putSync(next++, packet);
      this.#meta.putSync('next', next);
      this.#meta.putSync('packets', (this.#meta.get('packets') ?? 0) + packets.length);
      this.#meta.putSync('bytes', bytes);
    });
  }

  /** The oldest. */
  first(): { readonly key: number; readonly packet: UsagePacket } | undefined {
    this.#root.resetReadTxn();
    const [oldest] = this.#packets.getRange({ limit: 1 });
    this.#root.resetReadTxn();
    return oldest && { key: oldest.key, packet: oldest.value };
  }

  /** One that has arrived; another process may have been quicker. */
  remove(key: number): void {
    this.#root.transactionSync(() => {
      const packet = this.#packets.get(key);
      if (packet === undefined) return;
      this.#packets.removeSync(key);
      this.#meta.putSync('packets', (this.#meta.get('packets') ?? 1) - 1);
      this.#meta.putSync('bytes', (this.#meta.get('bytes') ?? 0) - bytesOf(packet));
    });
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}

function bytesOf({ entries }: UsagePacket): number {
  return entries.reduce((sum, entry) => sum + Buffer.byteLength(entry), 0);
}
