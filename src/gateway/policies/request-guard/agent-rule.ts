// Which programs are let in, by what they call themselves. A program may call itself anything: this keeps out those that do not
// hide.

import { Patterns } from '../../conditions/regex/patterns.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { GuardRule } from './guard-rule.ts';
import type { AgentRulesPlan, AgentsPlan } from './request-guard-plan.ts';

export class AgentRule implements GuardRule {
  readonly #allow: Agents | undefined;
  readonly #deny: Agents | undefined;
  readonly #except: Agents | undefined;
  readonly #isRequired: boolean;

  constructor({ allow, deny, except, isRequired }: AgentRulesPlan) {
    this.#allow = agentsOf(allow);
    this.#deny = agentsOf(deny);
    this.#except = agentsOf(except);
    this.#isRequired = isRequired;
  }

  /** @hot */
  check(x: Exchange): Verdict {
    // Several are one text, so that a good one does not stand for a bad one.
    const agent = x.headerValues('user-agent');
    if (agent === '') {
      return this.#isRequired || this.#allow !== undefined ? refuseWith(x, 'a User-Agent is required') : ADMIT;
    }
    const lower = agent.toLowerCase();
    if (this.#deny?.has(agent, lower) === true && this.#except?.has(agent, lower) !== true)
      return refuseWith(x, DENIED);
    return this.#allow === undefined || this.#allow.has(agent, lower) ? ADMIT : refuseWith(x, DENIED);
  }
}

const DENIED = 'this program is not let in';

class Agents {
  readonly #words: readonly string[];
  readonly #patterns: Patterns;

  constructor({ words, patterns }: AgentsPlan) {
    this.#words = words;
    this.#patterns = new Patterns(patterns);
  }

  /** @hot */
  has(agent: string, lower: string): boolean {
    for (let i = 0; i < this.#words.length; i++) {
      if (lower.includes(this.#words[i] as string)) return true;
    }
    return this.#patterns.mayMatch(agent);
  }
}

function agentsOf(plan: AgentsPlan | undefined): Agents | undefined {
  return plan === undefined ? undefined : new Agents(plan);
}

function refuseWith(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.REQUEST_REFUSED.id;
}
