// Reads rows of the ledger from Redis, some hundred at a time, so that limits over instances get their turn in between.

import type { Result } from '../../../../base/result.ts';
import type { StoreError } from '../../../redis/store-error.ts';
import type { Resolution } from '../calendar.ts';
import type { UsageNames } from '../usage-delta.ts';
import { addFigures, noFigures } from '../usage-figures.ts';
import type { StoredUsage } from '../usage-store.ts';
import { ledgerKeys } from './ledger-keys.ts';
import type { LedgerRedis } from './ledger-redis.ts';
import { ledgerScripts } from './ledger-scripts.ts';

type Take = (row: StoredUsage) => boolean;

interface Page {
  readonly cursor: string;
  /** Names and figures in turn. */
  readonly fields: readonly string[];
}

const STEPS_AT_ONCE = 1_000;
// Of 150 bytes each: 0.1 ms of Redis.
const ROWS_AT_ONCE = 250;
// A day has 1,440 minutes, most of them with few rows: their first pages are asked for together.
const PAGES_AT_ONCE = 8;

/**
 * @param take  of each row; false when it wants no more
 * @throws {Error} Redis does not answer, or is another one than at the start
 */
export async function readSteps(
  redis: LedgerRedis,
  resolution: Resolution,
  from: number,
  to: number,
  take: Take,
): Promise<void> {
  const { serverId } = redis;
  for await (const steps of stepsOf(redis, resolution, from, to)) {
    for (let at = 0; at < steps.length; at += PAGES_AT_ONCE) {
      const some = steps.slice(at, at + PAGES_AT_ONCE);
      const pages = await Promise.all(some.map((step) => pageOf(redis, ledgerKeys.rows(resolution, step), '0')));
      for (const [place, page] of pages.entries()) {
        if (!(await readStep(redis, resolution, some[place] as number, page, take))) return;
      }
      // A cursor is of one server: after a failover it would skip rows, or read them twice.
      if (redis.serverId !== serverId)
        throw new Error('usage cannot be read: Redis was restarted meanwhile, ask again');
    }
  }
}

async function* stepsOf(
  redis: LedgerRedis,
  resolution: Resolution,
  from: number,
  to: number,
): AsyncGenerator<readonly number[]> {
  for (let start = from; ; ) {
    const args = [start, to, STEPS_AT_ONCE];
    const reply = await redis.run(ledgerScripts.steps, [ledgerKeys.steps(resolution)], args);
    const steps = (answerOf(reply) as readonly string[]).map(Number);
    yield steps;
    if (steps.length < STEPS_AT_ONCE) return;
    start = (steps.at(-1) as number) + 1;
  }
}

/** @returns false when no more is wanted */
async function readStep(
  redis: LedgerRedis,
  resolution: Resolution,
  step: number,
  first: Page,
  take: Take,
): Promise<boolean> {
  // HSCAN may give a row twice when it needs several pages.
  const seen = first.cursor === '0' ? undefined : new Set<string>();
  for (let page = first; ; page = await pageOf(redis, ledgerKeys.rows(resolution, step), page.cursor)) {
    for (let at = 0; at + 1 < page.fields.length; at += 2) {
      const names = page.fields[at] as string;
      if (seen?.has(names) === true) continue;
      seen?.add(names);
      if (!take(rowOf(step, names, page.fields[at + 1] as string))) return false;
    }
    if (page.cursor === '0') return true;
  }
}

async function pageOf(redis: LedgerRedis, key: string, cursor: string): Promise<Page> {
  const reply = answerOf(await redis.run(ledgerScripts.scan, [key], [cursor, ROWS_AT_ONCE]));
  const [next, fields] = reply as [string, readonly string[]];
  return { cursor: next, fields };
}

function rowOf(step: number, names: string, figures: string): StoredUsage {
  const sum = noFigures();
  try {
    addFigures(sum, JSON.parse(figures) as readonly number[]);
  } catch {
    throw new Error(`usage cannot be read: somebody wrote a row of ${step} that is none`);
  }
  return { key: [step, ...(names.split('\n') as unknown as UsageNames)], figures: sum };
}

/** The server's words may hold addresses: this is shown to whoever asked. */
function answerOf(reply: Result<unknown, StoreError>): unknown {
  if (!reply.ok) throw new Error(`usage cannot be read: Redis is not available (${reply.error.kind})`);
  return reply.value;
}
