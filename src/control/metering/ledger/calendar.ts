// Steps of time in which usage is added up. Times are whole minutes since 1970, UTC; months are those of UTC.

import { assertNever } from '../../../base/assert.ts';

export const RESOLUTIONS = ['minute', 'hour', 'day', 'month'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

const HOUR = 60;
const DAY = 24 * HOUR;
const MINUTE_MS = 60_000;

/** The first minute of the step that a minute lies in. */
export function stepStart(resolution: Resolution, minute: number): number {
  switch (resolution) {
    case 'minute':
      return Math.floor(minute);
    case 'hour':
      return Math.floor(minute / HOUR) * HOUR;
    case 'day':
      return Math.floor(minute / DAY) * DAY;
    case 'month':
      return monthStart(minute, 0);
    default:
      return assertNever(resolution);
  }
}

/** The first minute of the step after the one that a minute lies in. */
export function nextStep(resolution: Resolution, minute: number): number {
  switch (resolution) {
    case 'minute':
      return Math.floor(minute) + 1;
    case 'hour':
      return stepStart(resolution, minute) + HOUR;
    case 'day':
      return stepStart(resolution, minute) + DAY;
    case 'month':
      return monthStart(minute, 1);
    default:
      return assertNever(resolution);
  }
}

/** 2026-11-26T10:04:00Z */
export function printMinute(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString().replace('.000Z', 'Z');
}

function monthStart(minute: number, months: number): number {
  const date = new Date(minute * MINUTE_MS);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months) / MINUTE_MS;
}
