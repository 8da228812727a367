// "Who called what, how often, how fast, how much does it cost": adds up what the store has, by whatever is asked for.

import { STATUS_CLASSES } from '../../../shm/series-table.ts';
import { USAGE_CAUSES } from '../../../shm/usage-table.ts';
import { nextStep, printMinute, type Resolution, stepStart } from './calendar.ts';
import {
  addFigures,
  billedOf,
  callsOf,
  type Figures,
  figure,
  noFigures,
  percentileUs,
  rejectedOf,
} from './usage-figures.ts';
import { amountOf, costNano, priceOf, type UsagePrices } from './usage-price.ts';
import type { UsageKey, UsageStore } from './usage-store.ts';

/** Places in a store's key; time is the first minute of a step. */
export const DIMENSIONS = ['time', 'consumer', 'key', 'plan', 'service', 'route', 'environment'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface UsageQuery {
  /** Minutes since 1970; to is not included. */
  readonly from: number;
  readonly to: number;
  readonly resolution: Resolution;
  /** What rows are told apart by. */
  readonly by: readonly Dimension[];
  readonly only: Readonly<Partial<Record<Dimension, string>>>;
  readonly limit: number;
  /** Of the last row before; absent: from the first. */
  readonly after?: readonly (string | number)[];
  readonly prices: UsagePrices;
}

export interface UsageRow {
  /** What was asked for with `by`. */
  readonly names: Readonly<Partial<Record<Dimension, string>>>;
  readonly calls: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Calls that the gateway answered itself. */
  readonly rejected: number;
  readonly rejections: Readonly<Record<string, number>>;
  readonly billedCalls: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly functionCalls: number;
  readonly gbSeconds: number;
  readonly cacheHits: number;
  readonly cost: number;
}

export type UsageAnswer =
  | {
      readonly ok: true;
      /** As steps of the resolution have it: not later and not earlier than what was asked for. */
      readonly from: string;
      readonly to: string;
      readonly rows: readonly UsageRow[];
      /** Of the last row, when there are more. */
      readonly next: readonly (string | number)[] | undefined;
    }
  | { readonly ok: false; readonly problem: string };

interface Group {
  readonly key: readonly (string | number)[];
  readonly figures: Figures;
  costNano: number;
}

// Bounds of a query's memory and time: some 100 MB and 5 s in the task pool.
const GROUPS_MAX = 100_000;
const READ_MAX = 2_000_000;

export async function queryUsage(store: UsageStore, query: UsageQuery): Promise<UsageAnswer> {
  const from = stepStart(query.resolution, query.from);
  const to = query.to <= query.from ? from : nextStep(query.resolution, query.to - 1);
  const groups = await groupsOf(store, query, from, to);
  if (typeof groups === 'string') return { ok: false, problem: groups };
  const { after, limit } = query;
  const sorted = [...groups.values()].sort((a, b) => compareKeys(a.key, b.key));
  const start = after === undefined ? 0 : sorted.findIndex(({ key }) => compareKeys(key, after) > 0);
  const page = start < 0 ? [] : sorted.slice(start, start + limit);
  return {
    ok: true,
    from: printMinute(from),
    to: printMinute(to),
    rows: page.map((group) => rowOf(group, query.by)),
    next: start >= 0 && start + limit < sorted.length ? page.at(-1)?.key : undefined,
  };
}

/** @returns what is too much about it, if anything is */
async function groupsOf(
  store: UsageStore,
  query: UsageQuery,
  from: number,
  to: number,
): Promise<Map<string, Group> | string> {
  const groups = new Map<string, Group>();
  const places = query.by.map((dimension) => DIMENSIONS.indexOf(dimension));
  const only = Object.entries(query.only).map(
    ([dimension, name]) => [DIMENSIONS.indexOf(dimension as Dimension), name] as const,
  );
  let read = 0;
  let problem: string | undefined;
  await store.read(query.resolution, from, to, ({ key, figures }) => {
    if (++read > READ_MAX) problem = 'it reaches over too much: ask for a shorter time, or by hour, day or month';
    if (problem !== undefined || only.some(([place, name]) => key[place] !== name)) return problem === undefined;
    const group = groupOf(groups, keyOf(key, places, query.resolution));
    if (group === undefined) {
      problem = 'it has too many rows: ask for a shorter time, or by less';
      return false;
    }
    addFigures(group.figures, figures);
    group.costNano += costNano(priceOf(query.prices, key[3]), figures);
    return true;
  });
  return problem ?? groups;
}

function keyOf(key: UsageKey, places: readonly number[], resolution: Resolution): readonly (string | number)[] {
  // What is not rolled up yet comes in minutes.
  return places.map((place) => (place === 0 ? stepStart(resolution, key[0]) : (key[place] as string)));
}

function groupOf(groups: Map<string, Group>, key: Group['key']): Group | undefined {
  const name = JSON.stringify(key);
  const known = groups.get(name);
  if (known !== undefined || groups.size === GROUPS_MAX) return known;
  const group = { key, figures: noFigures(), costNano: 0 };
  groups.set(name, group);
  return group;
}

/** Places of one kind: two times or two names. */
function compareKeys(a: Group['key'], b: Group['key']): number {
  for (const [place, one] of a.entries()) {
    const other = b[place] as typeof one;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

function rowOf({ key, figures, costNano: nano }: Group, by: readonly Dimension[]): UsageRow {
  const at = (place: number): number => figures[place] as number;
  const calls = callsOf(figures);
  const ms = (us: number): number => Math.round(us) / 1_000;
  return {
    names: Object.fromEntries(
      by.map((dimension, place) => [dimension, dimension === 'time' ? printMinute(Number(key[place])) : key[place]]),
    ),
    calls,
    statuses: Object.fromEntries(STATUS_CLASSES.map((name, index) => [name, at(figure.classes + index)])),
    rejected: rejectedOf(figures),
    rejections: Object.fromEntries(USAGE_CAUSES.map((name, index) => [name, at(figure.causes + index)])),
    billedCalls: billedOf(figures),
    bytesIn: at(figure.bytesIn),
    bytesOut: at(figure.bytesOut),
    meanMs: calls === 0 ? 0 : ms(at(figure.us) / calls),
    p50Ms: ms(percentileUs(figures, 0.5)),
    p90Ms: ms(percentileUs(figures, 0.9)),
    p99Ms: ms(percentileUs(figures, 0.99)),
    functionCalls: at(figure.functionCalls),
    gbSeconds: at(figure.gbMs) / 1_000,
    cacheHits: at(figure.cacheHits),
    cost: amountOf(nano),
  };
}
