// Rows of usage as CSV (RFC 4180).

import { STATUS_CLASSES } from '../../../shm/series-table.ts';
import { USAGE_CAUSES } from '../../../shm/usage-table.ts';
import type { Dimension, UsageRow } from './usage-query.ts';

const BEFORE = ['calls', 'billedCalls', 'rejected'] as const;
const AFTER = [
  'bytesIn',
  'bytesOut',
  'meanMs',
  'p50Ms',
  'p90Ms',
  'p99Ms',
  'functionCalls',
  'gbSeconds',
  'cacheHits',
  'cost',
] as const;

export function csvHead(by: readonly Dimension[]): string {
  return csvLine([
    ...by,
    ...BEFORE,
    ...STATUS_CLASSES.map((name) => `status.${name}`),
    ...USAGE_CAUSES.map((name) => `rejected.${name}`),
    ...AFTER,
  ]);
}

export function csvRow(by: readonly Dimension[], row: UsageRow): string {
  return csvLine([
    ...by.map((dimension) => row.names[dimension] ?? ''),
    ...BEFORE.map((name) => row[name]),
    ...STATUS_CLASSES.map((name) => row.statuses[name] ?? 0),
    ...USAGE_CAUSES.map((name) => row.rejections[name] ?? 0),
    ...AFTER.map((name) => row[name]),
  ]);
}

function csvLine(fields: readonly (string | number)[]): string {
  return `${fields.map((field) => quoted(String(field))).join(',')}\r\n`;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
