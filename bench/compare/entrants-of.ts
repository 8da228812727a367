import type { Cores } from '../support/cores.ts';
import type { Contender } from './contender.ts';
import type { ModeOptions } from './mode.ts';
import { presentContenders } from './present-contenders.ts';
import type { Entrant } from './take-turns.ts';

const SMOKE_WARM_UP_SECONDS = 1;

/** Those contenders that were asked for and are here, on the gateway's core. */
export function entrantsOf(
  contenders: readonly Contender[],
  upstreamPort: number,
  cores: Cores,
  { only, isSmoke, tell }: ModeOptions,
  workers = 1,
): readonly Entrant[] {
  const asked = contenders.filter(({ name }) => only === undefined || only.includes(name));
  return presentContenders(asked, tell).present.map(({ name, warmUpSeconds, start }) => ({
    name,
    // V8 compiles for each worker anew, and each gets its share of the load only.
    warmUpSeconds: isSmoke ? SMOKE_WARM_UP_SECONDS : warmUpSeconds * workers,
    start: () => start({ upstreamPort, core: cores.gateway, workers }),
  }));
}
