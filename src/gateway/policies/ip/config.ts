// ip: which addresses are let in, by lists in the configuration and in files beside it.

import * as z from 'zod';
import { ok, type Result } from '../../../base/result.ts';
import { addressBlock, section, text } from '../../units/config.ts';
import { definePolicyConfig, type PolicyFileIssue, type PolicyFiles } from '../policy-config.ts';
import { AddressPacker } from './address-packer.ts';
import type { AddressSetPlan, IpPlan } from './ip-plan.ts';
import { FILE_ENTRIES_MAX, readAddressFile } from './read-address-file.ts';

const ITEMS_MAX = 10_000;
const PATH_CHARS_MAX = 4_096;
// 100,000 of the longest IPv6 blocks (43 characters) with some words about each: 8 MiB.
const FILE_BYTES_MAX = 8 * 1024 * 1024;

type Item = string | { readonly file: string };

interface AddressList {
  readonly items: readonly Item[];
  /** Of the items, and of the files among them once they are read. */
  readonly set: AddressSetPlan;
}

export interface IpConfig {
  readonly allow?: AddressList | undefined;
  readonly deny?: AddressList | undefined;
}

const fileSchema = section({
  file: text(`the path of a file, 1 to ${PATH_CHARS_MAX} characters`, '[^\\u0000-\\u001f]+', (value) =>
    value.length <= PATH_CHARS_MAX && /^\P{Cc}+$/u.test(value) ? value : undefined,
  ).describe(
    `A file with one address or CIDR block a line, at most ${FILE_ENTRIES_MAX}; comments begin with #. Relative to the configuration's folder.`,
  ),
});

function list(says: string): z.ZodType<AddressList | undefined> {
  return z
    .array(z.union([addressBlock(), fileSchema]))
    .min(1)
    .max(ITEMS_MAX)
    .transform((items: readonly Item[]): AddressList => {
      const packer = new AddressPacker();
      for (const item of items) if (typeof item === 'string') packer.add(item);
      return { items, set: packer.pack() };
    })
    .optional()
    .describe(says);
}

const schema: z.ZodType<IpConfig> = section({
  allow: list('Only these are let in: addresses, CIDR blocks, { file: PATH }.'),
  deny: list('These are not let in, also when they are allowed: addresses, CIDR blocks, { file: PATH }.'),
}).superRefine(({ allow, deny }, context) => {
  if (allow !== undefined || deny !== undefined) return;
  context.addIssue({ code: 'custom', params: { message: 'does nothing: it needs allow, deny or both' } });
});

export const ipConfig = definePolicyConfig<IpConfig, IpPlan>({
  name: 'ip',
  schema,
  stage: () => 'perimeter',
  readFiles({ allow, deny }, files) {
    const issues: PolicyFileIssue[] = [];
    const config = {
      ...(allow !== undefined && { allow: withFiles(allow, 'allow', files, issues) }),
      ...(deny !== undefined && { deny: withFiles(deny, 'deny', files, issues) }),
    };
    return issues.length === 0 ? ok(config) : { ok: false, error: issues };
  },
  compile: ({ allow, deny }, context) => ({
    ...(allow !== undefined && { allow: context.addAddressSet(allow.set) }),
    ...(deny !== undefined && { deny: context.addAddressSet(deny.set) }),
  }),
});

function withFiles(list: AddressList, key: string, files: PolicyFiles, issues: PolicyFileIssue[]): AddressList {
  if (list.items.every((item) => typeof item === 'string')) return list;
  const packer = new AddressPacker();
  for (const [index, item] of list.items.entries()) {
    if (typeof item === 'string') packer.add(item);
    else {
      const text = files.read(item.file, FILE_BYTES_MAX);
      const count: Result<number, string> = text.ok ? readAddressFile(text.value, packer) : text;
      if (!count.ok) issues.push({ path: [key, index, 'file'], message: count.error });
    }
  }
  return { items: list.items, set: packer.pack() };
}
