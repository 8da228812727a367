// When a rule of access lets in: days of the week, hours of the day, dates.

import * as z from 'zod';
import { section, text, timeZone, word } from '../../units/config.ts';
import type { TimesPlan } from './access-plan.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const ALL_DAYS = 2 ** DAYS.length - 1;
const TIMES_MAX = 20;
const MINUTES_PER_DAY = 1_440;
const DAY_MS = 86_400_000;
const HOURS = /^([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})$/;
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const NOTHING_SAID = 'does nothing: it needs days, hours, from or until';

/** Without a zone: the gateway's. */
export type WrittenTimes = Omit<TimesPlan, 'timeZone'> & { readonly timeZone?: string | undefined };

const hours = text(
  'hours such as 08:00-18:00, or 22:00-06:00 for those of a night',
  '[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]',
  (value) => {
    const [, ...parts] = HOURS.exec(value) ?? [];
    const [fromHour = 99, fromMinute = 0, untilHour = 99, untilMinute = 0] = parts.map(Number);
    const [from, until] = [60 * fromHour + fromMinute, 60 * untilHour + untilMinute];
    const isTime = fromMinute < 60 && untilMinute < 60 && from < MINUTES_PER_DAY && until <= MINUTES_PER_DAY;
    return isTime && from !== until ? { from, until } : undefined;
  },
);

function date(): z.ZodType<number> {
  return text('a date such as 2026-05-01', '[0-9]{4}-[0-9]{2}-[0-9]{2}', (value) => {
    const ms = DATE.test(value) ? Date.parse(value) : Number.NaN;
    // The 31st of a month that has 30 days is none of the next one.
    return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value) ? ms / DAY_MS : undefined;
  });
}

const one: z.ZodType<WrittenTimes> = section({
  days: z.array(word(DAYS)).min(1).max(DAYS.length).optional().describe('Days of the week: [mon, tue].'),
  hours: hours
    .optional()
    .describe('08:00-18:00; the second time is not in it. 22:00-06:00 belongs to the day on which it begins.'),
  from: date().optional().describe('The first date.'),
  until: date().optional().describe('The last date.'),
  timeZone: timeZone().optional().describe("Whose calendar and clock; the gateway's timeZone if it is not said."),
})
  .superRefine(({ days, hours, from, until }, context) => {
    const says = [days, hours, from, until].some((part) => part !== undefined);
    if (!says) context.addIssue({ code: 'custom', path: [], params: { message: NOTHING_SAID } });
    if (from === undefined || until === undefined || from <= until) return;
    context.addIssue({ code: 'custom', path: ['until'], params: { message: 'is before from: it would never hold' } });
  })
  .transform(({ days, hours, from, until, timeZone }) => ({
    dayMask: days === undefined ? ALL_DAYS : days.reduce((mask, day) => mask | (1 << DAYS.indexOf(day)), 0),
    fromMinute: hours?.from ?? 0,
    untilMinute: hours?.until ?? MINUTES_PER_DAY,
    firstDay: from ?? Number.NEGATIVE_INFINITY,
    lastDay: until ?? Number.POSITIVE_INFINITY,
    ...(timeZone !== undefined && { timeZone }),
  }));

/** One, or a list of which one holds. */
export function times(): z.ZodType<readonly WrittenTimes[]> {
  return z.union([one.transform((only) => [only]), z.array(one).min(1).max(TIMES_MAX)]);
}
