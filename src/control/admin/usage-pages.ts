// GET /api/v1/usage and /api/v1/usage/statement of the admin port.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { UsageConfig } from '../config/config.ts';
import { csvHead, csvRow } from '../metering/ledger/usage-csv.ts';
import type { UsageAnswer, UsageQuery } from '../metering/ledger/usage-query.ts';
import {
  printCursor,
  readStatementRequest,
  readUsageRequest,
  type UsageRequest,
} from '../metering/ledger/usage-request.ts';
import type { Statement, StatementQuery } from '../metering/ledger/usage-statement.ts';
import { type AdminAnswer, problem } from './admin-page.ts';

/** The ledger, as the admin port reads it. */
export interface UsageView {
  /** undefined: nothing is kept. */
  config(): Pick<UsageConfig, 'currency' | 'prices'> | undefined;
  /** Minutes since 1970. */
  nowMinute(): number;
  query(query: UsageQuery): Promise<UsageAnswer>;
  statement(query: StatementQuery): Promise<Statement>;
}

type Ledger = Pick<UsageConfig, 'currency' | 'prices'>;

const CSV_ROWS_AT_ONCE = 10_000;

/**
 * @param address  the request's target, such as /api/v1/usage?by=consumer
 * @returns what to answer; undefined when CSV has been sent, or its client was gone
 */
export async function answerUsage(
  view: UsageView,
  address: string,
  res: ServerResponse,
): Promise<AdminAnswer | undefined> {
  const ledger = view.config();
  if (ledger === undefined) return problem(404, 'usage is not kept: the configuration has no gateway.usage');
  const { pathname, searchParams } = new URL(address, 'http://admin');
  if (pathname.endsWith('/statement')) return answerStatement(view, ledger, searchParams);
  const request = readUsageRequest(searchParams, view.nowMinute());
  if (!request.ok) return problem(400, request.error);
  const { format, after, ...query } = request.value;
  if (format === 'csv') return sendCsv(view, ledger, request.value, res);
  const answer = await view.query({ ...query, prices: ledger.prices, ...(after !== undefined && { after }) });
  if (!answer.ok) return problem(422, answer.problem);
  return {
    status: 200,
    body: {
      from: answer.from,
      to: answer.to,
      resolution: query.resolution,
      currency: ledger.currency,
      rows: answer.rows.map(({ names, ...figures }) => ({ ...names, ...figures })),
      next: answer.next === undefined ? null : printCursor(answer.next),
    },
  };
}

async function answerStatement(view: UsageView, ledger: Ledger, query: URLSearchParams): Promise<AdminAnswer> {
  const request = readStatementRequest(query);
  if (!request.ok) return problem(400, request.error);
  const statement = await view.statement({ ...request.value, prices: ledger.prices });
  return { status: 200, body: { ...statement, currency: ledger.currency } };
}

/** All rows behind the cursor, however many: a page at a time, as fast as the client reads. */
async function sendCsv(
  view: UsageView,
  { prices }: Ledger,
  { format: _format, after: first, ...query }: UsageRequest,
  res: ServerResponse,
): Promise<AdminAnswer | undefined> {
  const page = (after: UsageRequest['after']) =>
    view.query({ ...query, limit: CSV_ROWS_AT_ONCE, prices, ...(after !== undefined && { after }) });
  let answer = await page(first);
  if (!answer.ok) return problem(422, answer.problem);
  res.writeHead(200, { 'content-type': 'text/csv; charset=utf-8', 'cache-control': 'no-store' });
  res.write(csvHead(query.by));
  while (answer.ok) {
    const text = answer.rows.map((row) => csvRow(query.by, row)).join('');
    if (!res.write(text) && !(await canWrite(res))) return undefined;
    if (answer.next === undefined) break;
    answer = await page(answer.next);
  }
  // What is not whole must not look it.
  if (answer.ok) res.end();
  else res.destroy();
  return undefined;
}

/** @returns false when the client is gone */
async function canWrite(res: ServerResponse): Promise<boolean> {
  await Promise.race([once(res, 'drain'), once(res, 'close')]).catch(() => {});
  return !res.destroyed;
}
