// `sluice usage`: asks a gateway's admin port who called what, how often, how fast and for how much.

import type { Terminal } from './check.ts';

export interface UsageOptions {
  /** http://127.0.0.1:9080 */
  readonly admin: string;
  /** Of an operator, a secret; '' for none. */
  readonly token?: string;
  /** Parameters of GET /api/v1/usage, by their names there; undefined ones are left out. */
  readonly query: Readonly<Record<string, string | undefined>>;
  /** A statement of this consumer, for `month`. */
  readonly statement?: string | undefined;
  readonly month?: string | undefined;
  /** Rows at most. */
  readonly limit: number;
  readonly output: 'table' | 'json' | 'csv';
}

type Row = Readonly<Record<string, unknown>>;

interface Page {
  readonly from: string;
  readonly to: string;
  readonly currency: string;
  readonly rows: readonly Row[];
  readonly next: string | null;
}

interface StatementPage {
  readonly consumer: string;
  readonly from: string;
  readonly to: string;
  readonly currency: string;
  readonly lines: readonly Row[];
  readonly fees: readonly Row[];
  readonly total: number;
}

const TIMEOUT_MS = 60_000;
const PAGE_ROWS_MAX = 10_000;
const COLUMNS = ['calls', 'rejected', 'errors', 'bytesIn', 'bytesOut', 'p50Ms', 'p99Ms', 'cost'] as const;

/** @returns the exit code: 0 printed, 1 there was no answer, or a problem in its place */
export async function usage(options: UsageOptions, terminal: Terminal): Promise<number> {
  try {
    if (options.statement !== undefined) await printStatement(options, terminal);
    else if (options.output === 'csv') await printCsv(options, terminal);
    else await printRows(options, terminal);
    return 0;
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    terminal.error(`sluice usage: ${cause?.message ?? message}\n`);
    return 1;
  }
}

async function printRows(options: UsageOptions, terminal: Terminal): Promise<void> {
  const rows: Row[] = [];
  let page: Page | undefined;
  let cursor = '';
  do {
    const limit = String(Math.min(options.limit - rows.length, PAGE_ROWS_MAX));
    page = (await (await ask(options, '/api/v1/usage', { limit, cursor })).json()) as Page;
    rows.push(...page.rows);
    cursor = page.next ?? '';
  } while (cursor !== '' && rows.length < options.limit);
  if (options.output === 'json') {
    terminal.out(`${JSON.stringify({ ...page, rows, next: cursor === '' ? null : cursor }, null, 2)}\n`);
    return;
  }
  terminal.out(`from ${page.from} to ${page.to}; cost in ${page.currency}\n`);
  const by = (options.query['by'] ?? 'consumer').split(',');
  terminal.out(printTable([...by, ...COLUMNS], rows.map(withErrors)));
  if (cursor !== '') terminal.out(`more than ${rows.length} rows: --limit for more, or --csv for all\n`);
}

/** As it comes, however much it is. */
async function printCsv(options: UsageOptions, terminal: Terminal): Promise<void> {
  const answer = await ask(options, '/api/v1/usage', { format: 'csv' });
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) terminal.out(decoder.decode(chunk as Uint8Array, { stream: true }));
}

async function printStatement(options: UsageOptions, terminal: Terminal): Promise<void> {
  const parameters = { consumer: options.statement ?? '', month: options.month ?? '' };
  const bare = { ...options, query: {} };
  const statement = (await (await ask(bare, '/api/v1/usage/statement', parameters)).json()) as StatementPage;
  if (options.output === 'json') return terminal.out(`${JSON.stringify(statement, null, 2)}\n`);
  const { consumer, from, to, currency, lines, fees, total } = statement;
  terminal.out(`${consumer}, from ${from} to ${to}, in ${currency}\n`);
  const monthly = fees.map((fee) => ({ ...fee, service: '(per month)' }));
  terminal.out(printTable(['plan', 'service', 'calls', 'billedCalls', 'bytes', 'amount'], [...lines, ...monthly]));
  terminal.out(`total ${total} ${currency}\n`);
}

/** @throws {Error} the gateway gave no answer, or a problem */
async function ask(
  { admin, query, token = '' }: UsageOptions,
  path: string,
  more: Readonly<Record<string, string>>,
): Promise<Response> {
  const url = new URL(path, admin);
  for (const [name, value] of Object.entries({ ...query, ...more })) {
    if (value !== undefined && (value !== '' || name !== 'cursor')) url.searchParams.set(name, value);
  }
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.ok) return answer;
  const text = await answer.text();
  throw new Error(problemOf(text) ?? `${url.origin} answered ${answer.status}`);
}

function problemOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { problem?: string }).problem;
  } catch {
    return undefined;
  }
}

/** Whoever gave them: the gateway or an upstream. */
function withErrors(row: Row): Row {
  const statuses = row['statuses'] as Readonly<Record<string, number>>;
  return { ...row, errors: (statuses['4xx'] ?? 0) + (statuses['5xx'] ?? 0) };
}

/** Numbers to the right, names to the left. */
function printTable(columns: readonly string[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((line) => line[at]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  const print = (line: readonly string[]): string =>
    line
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[columns, ...cells].map(print).join('\n')}\n`;
}
