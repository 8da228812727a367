// The scenarios, in the order in which to try them.

import type { Scenario } from './scenario.ts';
import { badTokens } from './scenarios/bad-tokens.ts';
import { chaos } from './scenarios/chaos.ts';
import { cluster } from './scenarios/cluster.ts';
import { limits } from './scenarios/limits.ts';
import { overload } from './scenarios/overload.ts';
import { reload } from './scenarios/reload.ts';
import { slowClients } from './scenarios/slow-clients.ts';
import { soak } from './scenarios/soak.ts';
import { spike } from './scenarios/spike.ts';
import { steady } from './scenarios/steady.ts';
import { upgrade } from './scenarios/upgrade.ts';

export const scenarios: readonly Scenario[] = [
  steady,
  spike,
  soak,
  limits,
  reload,
  slowClients,
  badTokens,
  chaos,
  overload,
  upgrade,
  cluster,
];
