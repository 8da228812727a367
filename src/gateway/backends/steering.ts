// The backend in front of others: the first rule that takes a request says where it goes; without one, it goes where the
// route's requests go.

import type { Exchange } from '../pipeline/exchange.ts';
import type { Backend } from './backend.ts';
import type { SteerRule } from './steer-rule.ts';

export class SteeringBackend implements Backend {
  readonly #rules: readonly SteerRule[];
  /** Of each rule. */
  readonly #backends: readonly Backend[];
  readonly #otherwise: Backend;

  constructor(rules: readonly SteerRule[], backends: readonly Backend[], otherwise: Backend) {
    this.#rules = rules;
    this.#backends = backends;
    this.#otherwise = otherwise;
  }

  /** @hot */
  start(x: Exchange): void {
    const rules = this.#rules;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as SteerRule;
      if (!rule.takes(x)) continue;
      x.steered = rule.name;
      x.steeredSeries = rule.series;
      x.explanation?.note('steer', rule.name);
      return (this.#backends[i] as Backend).start(x);
    }
    this.#otherwise.start(x);
  }
}
