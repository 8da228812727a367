// What a scenario points its load at: a gateway that it started itself, or any address.

import type { OwnCluster } from './own-cluster.ts';
import type { OwnUpstream } from './own-upstream.ts';

/** sluice.yaml, to be written again and again. */
export interface ConfigFile {
  /** Writes it so that it differs from the revision before. @param revision  from 1 */
  write(revision: number): Promise<void>;
  /** As it was found. */
  restore(): Promise<void>;
}

export interface Target {
  /** Where every request goes, with its path. */
  readonly url: string;
  /** A long answer, for those who read slowly. */
  readonly longUrl: string;
  /** The gateway's admin address, where it is known. */
  readonly adminUrl: string | undefined;
  /** The gateway's process, where it is known and on this machine. */
  readonly pid: number | undefined;
  readonly config: ConfigFile | undefined;
  /** Those that were started for it; none at an address. */
  readonly upstreams: readonly OwnUpstream[];
  /** Where many instances were started: `url` is the first one's. */
  readonly cluster?: OwnCluster;
  /** Has a new process take over from the gateway; resolves when the old one has ended. */
  upgrade?(): Promise<void>;
  /** Ends what was started for it. */
  close(): Promise<void>;
}
