// Any address as a target. Nothing is started, and nothing ended.

import { readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import type { ConfigFile, Target } from './target.ts';

export interface TargetAddress {
  readonly url: string;
  readonly longUrl: string | undefined;
  readonly adminUrl: string | undefined;
  readonly pid: number | undefined;
  /** The gateway's sluice.yaml. */
  readonly config: string | undefined;
}

/** @throws when the configuration cannot be read */
export async function useTarget(address: TargetAddress): Promise<Target> {
  return {
    url: address.url,
    longUrl: address.longUrl ?? address.url,
    adminUrl: address.adminUrl,
    pid: address.pid,
    config: address.config === undefined ? undefined : await openConfig(address.config),
    upstreams: [],
    close: async () => {},
  };
}

/** A file that is not ours is changed by a comment only; as a whole, so that nobody reads half of it. */
async function openConfig(path: string): Promise<ConfigFile> {
  // Through links, so that they stay.
  const file = await realpath(path);
  const text = await readFile(file, 'utf8');
  const { mode } = await stat(file);
  const replace = async (next: string): Promise<void> => {
    await writeFile(`${file}.next`, next, { mode });
    await rename(`${file}.next`, file);
  };
  return {
    write: (revision) => replace(`${text.trimEnd()}\n# sluice loadtest: revision ${revision}\n`),
    restore: () => replace(text),
  };
}
