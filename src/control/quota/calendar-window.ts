// The windows of a quota, by the calendar of a time zone: each hour, day or month, or everything. A window's counter has its
// start in its key, so that a new window needs no reset.
//
// Days and months begin with the first instant that the zone's calendar has for them: where clocks are put forward at midnight,
// a day begins at 1:00. Hours are those of the zone's clock, too (some zones are off by 30 or 45 minutes); an hour that a clock
// lives through twice is two windows.

import { zoneOffset } from '../../base/zone-offset.ts';

/** In the order of the quota table's calendars. */
export const quotaPeriods = ['h', 'day', 'month', 'total'] as const;
export type QuotaPeriod = (typeof quotaPeriods)[number];

export interface CalendarWindow {
  /** Milliseconds since 1970; 0 to NEVER_MS for everything. */
  readonly startMs: number;
  readonly endMs: number;
}

/** Past any process's life, and within what the table's words hold. */
export const NEVER_MS = 2 ** 43;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// Offsets go from −12 to +14 h; a day's first instant lies within so much of the same date's midnight in UTC.
const OFFSET_MS_MAX = 15 * HOUR_MS;

const EVERYTHING: CalendarWindow = { startMs: 0, endMs: NEVER_MS };

/**
 * The window that a time lies in.
 * @param timeZone  an IANA name, as Europe/Berlin
 * @throws {RangeError} when there is no such zone
 */
export function windowAt(period: QuotaPeriod, timeZone: string, nowMs: number): CalendarWindow {
  if (period === 'total') return EVERYTHING;
  if (period === 'h') {
    const offset = zoneOffset(timeZone, nowMs);
    // The zone's clock may be put on within the hour by less than one; then the hour is cut there.
    const startMs = Math.floor((nowMs + offset) / HOUR_MS) * HOUR_MS - offset;
    return { startMs, endMs: startMs + HOUR_MS };
  }
  const today = new Date(nowMs + zoneOffset(timeZone, nowMs));
  const year = today.getUTCFullYear();
  const month = today.getUTCMonth();
  const day = period === 'day' ? today.getUTCDate() : 1;
  const next = period === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
  return { startMs: firstInstantOf(timeZone, Date.UTC(year, month, day)), endMs: firstInstantOf(timeZone, next) };
}

/** The first instant whose date in the zone is this one, or a later one. @param dateMs  the date's midnight in UTC */
function firstInstantOf(timeZone: string, dateMs: number): number {
  let before = dateMs - OFFSET_MS_MAX;
  let after = dateMs + OFFSET_MS_MAX;
  // Dates never run backwards, so that halving finds where this one begins; zones change on whole minutes.
  while (after - before > MINUTE_MS) {
    const middle = before + Math.floor((after - before) / 2 / MINUTE_MS) * MINUTE_MS;
    if (dateOf(timeZone, middle) >= dateMs) after = middle;
    else before = middle;
  }
  return after;
}

/** Midnight in UTC of the date that a time has in the zone. */
function dateOf(timeZone: string, ms: number): number {
  return Math.floor((ms + zoneOffset(timeZone, ms)) / DAY_MS) * DAY_MS;
}
