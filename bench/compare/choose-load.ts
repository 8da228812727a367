import { type LoadOptions, type LoadResult, runLoad } from '../support/run-load.ts';
import { missingCommand } from './missing-command.ts';
import { runWrk } from './run-wrk.ts';

export interface Load {
  readonly name: 'wrk' | 'node';
  run(options: LoadOptions): Promise<LoadResult>;
}

/** wrk where it is here, else the client that always is. */
export function chooseLoad(tell: (line: string) => void): Load {
  const remedy = missingCommand('wrk', 'apt-get install wrk');
  if (remedy === undefined) return { name: 'wrk', run: runWrk };
  tell(`wrk is not here (${remedy}); going on with a slower load`);
  return { name: 'node', run: runLoad };
}
