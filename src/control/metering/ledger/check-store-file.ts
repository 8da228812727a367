// Looks at LMDB's file before LMDB does: what is no database, or was cut, ends the whole process with a signal when it is opened.
//
//   offset in a meta page (0 and 1)   type   field      meaning
//   ------------------------------------------------------------------------------------
//   24                                u32    magic      0xBEEFC0DE
//   48                                u32    pageBytes
//   88                                u64    freeRoot   page of the free list's root; all ones: none
//   136                               u64    mainRoot   page of the root of everything else; all ones: none
//   152                               u64    txnId      the page with the higher one counts
//
// Little-endian, as LMDB has them on 64-bit machines with data format 2.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const MAGIC = 0xbeefc0de;
const META_BYTES = 160;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
const NO_PAGE = 2n ** 64n - 1n;
const DAMAGED = 'is no store of the ledger, or a damaged one: move it away, and another is made';

/**
 * @param file  data.mdb; it need not be there
 * @throws {Error} it must not be opened
 */
export function checkStoreFile(file: string): void {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || (stats.size > 0 && !isSound(fd, stats.size))) throw new Error(`${file} ${DAMAGED}`);
  } finally {
    closeSync(fd);
  }
}

function isSound(fd: number, fileBytes: number): boolean {
  const first = readMeta(fd, 0);
  const pageBytes = first.readUInt32LE(48);
  if (first.readUInt32LE(24) !== MAGIC || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) return false;
  const second = readMeta(fd, pageBytes);
  if (second.readUInt32LE(24) !== MAGIC) return false;
  const current = second.readBigUInt64LE(152) > first.readBigUInt64LE(152) ? second : first;
  // The last pages of a sound file may be missing, since they may be free; the roots are not.
  return [88, 136].every((offset) => {
    const root = current.readBigUInt64LE(offset);
    return root === NO_PAGE || (root + 1n) * BigInt(pageBytes) <= BigInt(fileBytes);
  });
}

function readMeta(fd: number, at: number): Buffer {
  const meta = Buffer.alloc(META_BYTES);
  readSync(fd, meta, 0, META_BYTES, at);
  return meta;
}
