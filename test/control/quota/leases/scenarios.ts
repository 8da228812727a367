// The situations that the leases are tuned for, with the figures that they must reach.

import type { Outcome, Scenario, SimulatedEvent } from './simulation.ts';

export interface Target {
  readonly name: string;
  scenario(seed: number, seconds: number): Scenario;
  readonly usedMin?: number;
  /** Of what one bucket for all would have admitted. */
  readonly ofIdealMin?: number;
  readonly wronglyRefusedMax?: number;
  readonly commandsPerThousandMax?: number;
  readonly commandsPerSecondMax?: number;
}

const LIMIT = { rate: 1_000, burst: 100 } as const;

export const targets: readonly Target[] = [
  {
    name: '1 instance, 0.9 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 1, 900),
    wronglyRefusedMax: 0.02,
    commandsPerThousandMax: 5,
  },
  {
    name: '1 instance, 10 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 1, 10_000),
    usedMin: 0.98,
    commandsPerThousandMax: 5,
    commandsPerSecondMax: 20,
  },
  {
    name: '8 instances, 10 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 8, 10_000),
    usedMin: 0.98,
    commandsPerThousandMax: 40,
    commandsPerSecondMax: 20,
  },
  {
    name: '8 instances, 1.5 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 8, 1_500),
    usedMin: 0.98,
    commandsPerThousandMax: 40,
    commandsPerSecondMax: 20,
  },
  {
    name: '8 instances, 0.9 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 8, 900),
    wronglyRefusedMax: 0.02,
    commandsPerThousandMax: 120,
  },
  {
    name: '8 instances, 0.9 ×, unequal demand',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 900), demand: (i) => (900 * (i + 1)) / 36 }),
    wronglyRefusedMax: 0.02,
    commandsPerThousandMax: 120,
  },
  {
    name: '8 instances, exactly the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 8, 1_000),
    commandsPerThousandMax: 120,
  },
  {
    name: '8 instances, 0.5 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 8, 500),
    wronglyRefusedMax: 0.02,
    commandsPerThousandMax: 120,
  },
  {
    name: 'all demand jumps every 5 s, 10 × the limit',
    scenario: (seed, seconds) => jumping(seed, seconds, 10_000),
    usedMin: 0.9,
    commandsPerSecondMax: 20,
  },
  {
    name: 'all demand jumps every 5 s, 1.2 × the limit',
    scenario: (seed, seconds) => jumping(seed, seconds, 1_200),
    usedMin: 0.9,
  },
  {
    name: '5/s over 8 instances, 10 × the limit',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 50), rate: 5, burst: 5 }),
    usedMin: 0.95,
    commandsPerSecondMax: 20,
  },
  {
    name: '5/s, burst 1, over 8 instances, 10 ×',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 50), rate: 5, burst: 1 }),
    ofIdealMin: 0.9,
    commandsPerSecondMax: 20,
  },
  {
    name: '5/s over 8 instances, a flood of 16,000/s',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 16_000), rate: 5, burst: 5 }),
    usedMin: 0.95,
    commandsPerSecondMax: 20,
  },
  {
    name: '50/s, burst 10, over 8 instances, 10 ×',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 500), rate: 50, burst: 10 }),
    usedMin: 0.9,
    commandsPerSecondMax: 20,
  },
  {
    name: '8 instances, 0.9 ×, 10 ms to the store',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 900), delayUs: (next) => 4_000 + 2_000 * next() }),
    wronglyRefusedMax: 0.02,
    commandsPerThousandMax: 120,
  },
  {
    name: '8 instances, 10 ×, 10 ms to the store',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 10_000), delayUs: (next) => 4_000 + 2_000 * next() }),
    usedMin: 0.95,
    commandsPerThousandMax: 40,
  },
  {
    name: '8 instances, 10 ×, 2 % of messages lost',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 10_000), loss: 0.02 }),
    usedMin: 0.95,
    commandsPerThousandMax: 40,
  },
  {
    name: '8 instances, 10 ×, the store away for 2 s of 10',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 10_000), events: outages(seconds) }),
    usedMin: 0.95,
  },
  {
    name: '8 instances, 0.9 ×, burst 20',
    scenario: (seed, seconds) => ({ ...steady(seed, seconds, 8, 900), burst: 20 }),
    commandsPerThousandMax: 120,
  },
  {
    name: '50 instances, 10 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 50, 10_000),
    usedMin: 0.9,
    commandsPerSecondMax: 20,
  },
  {
    name: '50 instances, 0.9 × the limit',
    scenario: (seed, seconds) => steady(seed, seconds, 50, 900),
    commandsPerSecondMax: 20,
  },
];

/** @returns what a run misses */
export function missed(target: Target, outcome: Outcome): readonly string[] {
  const misses: string[] = [];
  const check = (what: string, found: number, isMet: boolean): void => {
    if (!isMet) misses.push(`${target.name}: ${what} ${found}`);
  };
  check('excess', outcome.excess, outcome.excess <= 0);
  check('used', outcome.used, outcome.used >= (target.usedMin ?? 0));
  const ofIdeal = outcome.admitted / outcome.ideal;
  check('of the ideal', ofIdeal, ofIdeal >= (target.ofIdealMin ?? 0));
  check('wrongly refused', outcome.wronglyRefused, outcome.wronglyRefused <= (target.wronglyRefusedMax ?? 1));
  const { commandsPerThousand, commandsPerSecondMax } = outcome;
  const most = Number.POSITIVE_INFINITY;
  check('commands per 1,000', commandsPerThousand, commandsPerThousand <= (target.commandsPerThousandMax ?? most));
  check('commands per second', commandsPerSecondMax, commandsPerSecondMax <= (target.commandsPerSecondMax ?? most));
  return misses;
}

function steady(seed: number, seconds: number, instanceCount: number, demand: number): Scenario {
  return { ...LIMIT, seed, seconds, instanceCount, warmUpSeconds: 3, demand: () => demand / instanceCount };
}

/** From 5 s on, every 10 s, no message passes for 2 s: less than a lease. */
function outages(seconds: number): SimulatedEvent[] {
  const events: SimulatedEvent[] = [];
  for (let from = 5; from < seconds; from += 10) {
    for (const [atSeconds, kind] of [[from, 'cut'] as const, [from + 2, 'join'] as const]) {
      for (let instance = 0; instance < 8; instance++) events.push({ atSeconds, kind, instance });
    }
  }
  return events;
}

function jumping(seed: number, seconds: number, demand: number): Scenario {
  return {
    ...steady(seed, seconds, 8, 0),
    demand: (instance, second) => (Math.floor(second / 5) % 8 === instance ? demand : 0),
  };
}
