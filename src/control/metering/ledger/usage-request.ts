// The query string of GET /api/v1/usage, and of its statement.

import { err, ok, type Result } from '../../../base/result.ts';
import { RESOLUTIONS, type Resolution } from './calendar.ts';
import { DIMENSIONS, type Dimension } from './usage-query.ts';

export interface UsageRequest {
  readonly from: number;
  readonly to: number;
  readonly resolution: Resolution;
  readonly by: readonly Dimension[];
  readonly only: Readonly<Partial<Record<Dimension, string>>>;
  readonly limit: number;
  readonly after: readonly (string | number)[] | undefined;
  readonly format: 'json' | 'csv';
}

const LIMIT_MAX = 10_000;
const LIMIT_DEFAULT = 1_000;
const DAY_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;
// 2026-11-26, 2026-11-26T10:00Z, 2026-11-26T10:00:00+01:00
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;
const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;
const FILTERS = DIMENSIONS.filter((dimension) => dimension !== 'time');
const KNOWN: readonly string[] = ['from', 'to', 'resolution', 'by', 'limit', 'cursor', 'format', ...FILTERS];

/**
 * @param nowMinute  minutes since 1970: the end of the time where none is said, and a day before it the beginning
 * @returns the request, or what is wrong with it
 */
export function readUsageRequest(query: URLSearchParams, nowMinute: number): Result<UsageRequest, string> {
  const unknown = [...query.keys()].find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) return err(`there is no parameter ${unknown}: ${KNOWN.join(', ')}`);
  const to = readTime(query.get('to'), nowMinute + 1);
  const from = readTime(query.get('from'), (to ?? 0) - DAY_MINUTES);
  if (from === undefined || to === undefined) return err('from and to are such as 2026-11-26 or 2026-11-26T10:00:00Z');
  if (from > to) return err('from is not before to');
  const resolution = oneOf(RESOLUTIONS, query.get('resolution') ?? 'hour');
  if (resolution === undefined) return err(`resolution is one of ${RESOLUTIONS.join(', ')}`);
  const by = (query.get('by') ?? 'consumer').split(',').map((name) => oneOf(DIMENSIONS, name));
  if (by.includes(undefined) || new Set(by).size < by.length) return err(`by is a list of ${DIMENSIONS.join(', ')}`);
  const limit = Number(query.get('limit') ?? LIMIT_DEFAULT);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) return err(`limit is 1 to ${LIMIT_MAX}`);
  const after = readCursor(query.get('cursor'), by as readonly Dimension[]);
  if (after === null) return err('cursor is not one of this query');
  const format = oneOf(['json', 'csv'] as const, query.get('format') ?? 'json');
  if (format === undefined) return err('format is json or csv');
  const only = Object.fromEntries(
    FILTERS.filter((name) => query.has(name)).map((name) => [name, query.get(name) ?? '']),
  );
  return ok({ from, to, resolution, by: by as readonly Dimension[], only, limit, after, format });
}

export function readStatementRequest(query: URLSearchParams): Result<{ consumer: string; month: number }, string> {
  const consumer = query.get('consumer');
  const [, year, month] = MONTH.exec(query.get('month') ?? '') ?? [];
  if (consumer === null || year === undefined) return err('a statement is for a consumer and a month such as 2026-11');
  return ok({ consumer, month: Date.UTC(Number(year), Number(month) - 1) / MINUTE_MS });
}

export function printCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @returns null when it is none */
function readCursor(text: string | null, by: readonly Dimension[]): UsageRequest['after'] | null {
  if (text === null || text === '') return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    const fits =
      Array.isArray(key) &&
      key.length === by.length &&
      by.every((dimension, place) => typeof key[place] === (dimension === 'time' ? 'number' : 'string'));
    return fits ? key : null;
  } catch {
    return null;
  }
}

function readTime(text: string | null, fallback: number): number | undefined {
  if (text === null) return fallback;
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.floor(ms / MINUTE_MS);
}

function oneOf<const W extends string>(words: readonly W[], text: string): W | undefined {
  return words.find((word) => word === text);
}
