// A file of addresses: one address or CIDR block a line, with comments behind #.

import { err, ok, type Result } from '../../../base/result.ts';
import type { AddressPacker } from './address-packer.ts';

export const FILE_ENTRIES_MAX = 100_000;

/** @returns how many there are, or a sentence that does not quote the file: it may be another one than was meant */
export function readAddressFile(text: string, packer: AddressPacker): Result<number, string> {
  let count = 0;
  let wrongLine = 0;
  let wrongCount = 0;
  for (const [index, line] of text.split('\n').entries()) {
    const [entry = ''] = line.split('#', 1);
    const block = entry.trim();
    if (block === '') continue;
    if (packer.add(block)) count++;
    else if (wrongCount++ === 0) wrongLine = index + 1;
    if (count > FILE_ENTRIES_MAX) return err(`the file has more than ${FILE_ENTRIES_MAX} entries`);
  }
  if (wrongCount === 0) return ok(count);
  const more = wrongCount === 1 ? '' : ` (and ${wrongCount - 1} more lines)`;
  return err(`line ${wrongLine} of the file is no IP address or CIDR block${more}`);
}
