// The ledger's keys in Redis. One hash tag: one script touches many of them, so in a cluster they have to lie in one slot.
//
//   key                                type     holds
//   ---------------------------------------------------------------------------------------------------------------
//   sluice:{usage}:applied:INSTANCE    string   the last part of a delta that was taken from it; for a week
//   sluice:{usage}:deltas              stream   what is not rolled up yet; consumer group `roll-up`
//   sluice:{usage}:minutes             zset     the minutes that have rows; hours, days, months too
//   sluice:{usage}:minute:MINUTE       hash     names, with a line's end between them → figures as a JSON list
//   sluice:{usage}:hour:MINUTE         hash     the same, from the step's first minute; day and month too

import { STORE_PREFIX } from '../../../redis/store-prefix.ts';
import type { Resolution } from '../calendar.ts';

const PREFIX = `${STORE_PREFIX}:{usage}:`;

export const ledgerKeys = {
  deltas: `${PREFIX}deltas`,
  applied: (instance: string): string => `${PREFIX}applied:${instance}`,
  steps: (resolution: Resolution): string => `${PREFIX}${resolution}s`,
  rows: (resolution: Resolution, start: number): string => `${PREFIX}${resolution}:${start}`,
};
