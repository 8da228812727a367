// Whether it is one of a rule's times. What was true of a minute is true of its end: the zone's clock is asked once a minute.

import { zoneOffset } from '../../../base/zone-offset.ts';
import type { TimesPlan } from './access-plan.ts';

const MINUTE_MS = 60_000;
const MINUTES_PER_DAY = 1_440;
// 1970 began on a Thursday, three days after a Monday.
const DAYS_AFTER_MONDAY = 3;

export class LiveTimes {
  readonly #plans: readonly TimesPlan[];
  /** Since 1970, in UTC. */
  #minute = -1;
  #holds = false;

  constructor(plans: readonly TimesPlan[]) {
    this.#plans = plans;
  }

  /** @param wallMs  milliseconds since 1970 @hot measured by npm run bench:hot -- --only access */
  hold(wallMs: number): boolean {
    const minute = Math.floor(wallMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#holds = this.#plans.some((plan) => isIn(plan, minute));
      this.#minute = minute;
    }
    return this.#holds;
  }
}

/** @param minute  since 1970, in UTC */
function isIn(plan: TimesPlan, minute: number): boolean {
  const local = minute + zoneOffset(plan.timeZone, minute * MINUTE_MS) / MINUTE_MS;
  const day = Math.floor(local / MINUTES_PER_DAY);
  const ofDay = local - day * MINUTES_PER_DAY;
  const { fromMinute, untilMinute } = plan;
  if (fromMinute < untilMinute) return ofDay >= fromMinute && ofDay < untilMinute && hasDay(plan, day);
  // A night belongs to the day on which it begins.
  return (ofDay >= fromMinute && hasDay(plan, day)) || (ofDay < untilMinute && hasDay(plan, day - 1));
}

function hasDay({ dayMask, firstDay, lastDay }: TimesPlan, day: number): boolean {
  const weekday = (((day + DAYS_AFTER_MONDAY) % 7) + 7) % 7;
  return (dayMask & (1 << weekday)) !== 0 && day >= firstDay && day <= lastDay;
}
