// Runs that are made up from a seed: any number of instances, any limit, demand that jumps, messages that are late, lost and out of
// order, instances that crash, leave, come and are cut off, and a store that loses its records or is replaced by an older copy.

import { mulberry, type Scenario, type SimulatedEvent } from './simulation.ts';

const RATES = [3, 7, 50, 333, 1_000, 4_000];
const BURSTS = [1, 2, 5, 20, 100, 1_000];

export function chaos(seed: number, seconds: number): Scenario {
  const random = mulberry(seed);
  const below = (max: number): number => Math.floor(random() * max);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const instanceCount = 1 + below(9);
  const rate = pick(RATES);
  const load = pick([0.5, 0.9, 1, 1.5, 4]);
  const periodSeconds = pick([0.3, 1, 5, 100]);
  const weights = Array.from({ length: 64 }, () => (random() < 0.4 ? 0 : random() ** 2));
  const slowPart = pick([0, 0, 0.02, 0.2]);
  return {
    seed,
    rate,
    burst: pick(BURSTS),
    seconds,
    instanceCount,
    demand: (instance, second) => {
      const phase = Math.floor(second / periodSeconds);
      return rate * load * (weights[(instance * 7 + phase * 13) % weights.length] as number);
    },
    // Most replies come within 2 ms; slow ones take up to 150 ms a way, so that they overtake each other and come too late.
    delayUs: (next) => 100 + 900 * next() + (next() < slowPart ? 150_000 * next() : 0),
    loss: pick([0, 0, 0.02, 0.2]),
    events: makeEvents(random, instanceCount, seconds),
  };
}

function makeEvents(random: () => number, instanceCount: number, seconds: number): SimulatedEvent[] {
  const events: SimulatedEvent[] = [];
  const count = Math.floor(random() * 12);
  for (let n = 0; n < count; n++) {
    const atSeconds = random() * seconds;
    const instance = Math.floor(random() * instanceCount);
    const after = atSeconds + random() * 4;
    const chance = random();
    if (chance < 0.3) {
      events.push({ atSeconds, kind: 'crash', instance }, { atSeconds: after, kind: 'start', instance });
    } else if (chance < 0.5) {
      events.push({ atSeconds, kind: 'leave', instance }, { atSeconds: after, kind: 'start', instance });
    } else if (chance < 0.8) {
      events.push({ atSeconds, kind: 'cut', instance }, { atSeconds: after, kind: 'join', instance });
    } else if (chance < 0.9) events.push({ atSeconds, kind: 'flush', instance });
    else events.push({ atSeconds, kind: 'failover', instance });
  }
  return events.sort((a, b) => a.atSeconds - b.atSeconds);
}
