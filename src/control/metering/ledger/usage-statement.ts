// What one consumer owes for one month, by plan and service.

import { nextStep, printMinute } from './calendar.ts';
import { addFigures, billedOf, callsOf, type Figures, figure, noFigures } from './usage-figures.ts';
import { amountOf, costNano, priceOf, type UsagePrices } from './usage-price.ts';
import type { UsageStore } from './usage-store.ts';

export interface StatementQuery {
  readonly consumer: string;
  /** The month's first minute since 1970, UTC. */
  readonly month: number;
  readonly prices: UsagePrices;
}

export interface StatementLine {
  readonly plan: string;
  readonly service: string;
  readonly calls: number;
  readonly billedCalls: number;
  readonly bytes: number;
  readonly amount: number;
}

export interface Statement {
  readonly consumer: string;
  readonly from: string;
  readonly to: string;
  readonly lines: readonly StatementLine[];
  /** What each plan costs for the month, however much was called. */
  readonly fees: readonly { readonly plan: string; readonly amount: number }[];
  readonly total: number;
}

export async function statementOf(store: UsageStore, { consumer, month, prices }: StatementQuery): Promise<Statement> {
  const sums = new Map<string, { readonly plan: string; readonly service: string; readonly figures: Figures }>();
  const end = nextStep('month', month);
  await store.read('month', month, end, ({ key, figures }) => {
    const [, owner, , plan, service] = key;
    if (owner !== consumer) return true;
    const name = `${plan}\n${service}`;
    const sum = sums.get(name) ?? { plan, service, figures: noFigures() };
    addFigures(sum.figures, figures);
    sums.set(name, sum);
    return true;
  });
  const names = [...sums.keys()].sort();
  const costs = names.map((name) => costOf(sums.get(name) as Sum, prices));
  const plans = [...new Set(costs.map(({ line }) => line.plan))];
  const fees = plans.map((plan) => ({ plan, nano: priceOf(prices, plan).perMonthNano })).filter(({ nano }) => nano > 0);
  const totalNano = [...costs, ...fees].reduce((sum, { nano }) => sum + nano, 0);
  return {
    consumer,
    from: printMinute(month),
    to: printMinute(end),
    lines: costs.map(({ line }) => line),
    fees: fees.map(({ plan, nano }) => ({ plan, amount: amountOf(nano) })),
    total: amountOf(totalNano),
  };
}

interface Sum {
  readonly plan: string;
  readonly service: string;
  readonly figures: Figures;
}

function costOf({ plan, service, figures }: Sum, prices: UsagePrices): { nano: number; line: StatementLine } {
  const nano = costNano(priceOf(prices, plan), figures);
  const line = {
    plan,
    service,
    calls: callsOf(figures),
    billedCalls: billedOf(figures),
    bytes: (figures[figure.bytesIn] as number) + (figures[figure.bytesOut] as number),
    amount: amountOf(nano),
  };
  return { nano, line };
}
