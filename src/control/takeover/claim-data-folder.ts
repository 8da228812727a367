// A gateway that starts makes sure that it is the only one with its data folder, or finds the one to take over from.

import type { Log } from '../log.ts';
import { prepareDataFolder } from './data-folder.ts';
import { Predecessor, TakeOverError } from './predecessor.ts';

export interface DataFolderClaim {
  /** Another gateway may take over from this one later. */
  readonly isUsable: boolean;
  /** Whom this one takes over from. */
  readonly predecessor: Predecessor | undefined;
}

/**
 * @param takesOver  --take-over: replace the gateway that runs with the folder, if there is one
 * @throws {TakeOverError} another gateway runs with it; or it cannot be taken over from
 */
export async function claimDataFolder(folder: string, takesOver: boolean, log: Log): Promise<DataFolderClaim> {
  const problem = prepareDataFolder(folder);
  if (problem !== undefined) {
    if (takesOver) throw new TakeOverError(`--take-over needs the data folder ${folder}: ${problem}`);
    log('warn', `nothing can take over from this gateway, for want of the data folder ${folder}: ${problem}`);
    return { isUsable: false, predecessor: undefined };
  }
  const found = await Predecessor.find(folder);
  if (takesOver) {
    if (found === undefined) log('info', `no gateway runs with ${folder}: there is nothing to take over`);
    return { isUsable: true, predecessor: found };
  }
  if (found === undefined) return { isUsable: true, predecessor: undefined };
  found.leave();
  throw new TakeOverError(
    `process ${found.pid} runs with the data folder ${folder}: --take-over replaces it; a second gateway needs a folder of ` +
      'its own (gateway.data or --data)',
  );
}
