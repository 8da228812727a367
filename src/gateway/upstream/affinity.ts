// Session affinity: a cookie of the gateway's own names the target that a client's requests go to, until that is not
// available any more. The name is a hash; the target's address is nowhere in it.

import { readCookie } from '../conditions/read-parameter.ts';
import { cameByHttps } from '../pipeline/came-by-https.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { AffinityPlan } from '../snapshot.ts';
import type { LiveTarget } from './live-upstream.ts';
import type { Roster } from './roster.ts';

export class Affinity {
  readonly #cookie: string;
  readonly #roster: Roster;
  readonly #byId: ReadonlyMap<string, LiveTarget>;
  /** Header lines by the target's ordinal, for clients that came by http and by https. */
  readonly #lines: readonly string[];
  readonly #secureLines: readonly string[];

  constructor(plan: AffinityPlan, roster: Roster) {
    const age = plan.ttlSeconds === 0 ? '' : `; Max-Age=${plan.ttlSeconds}`;
    const cookies = plan.ids.map((id) => `set-cookie: ${plan.cookie}=${id}; Path=/${age}; HttpOnly; SameSite=Lax`);
    this.#cookie = plan.cookie;
    this.#roster = roster;
    this.#byId = new Map(plan.ids.map((id, ordinal) => [id, roster.targets[ordinal] as LiveTarget]));
    this.#lines = cookies.map((cookie) => `${cookie}\r\n`);
    this.#secureLines = cookies.map((cookie) => `${cookie}; Secure\r\n`);
  }

  /** The target that the client's cookie names, if it may be picked. @hot */
  targetOf(x: Exchange, tried: readonly LiveTarget[] | undefined): LiveTarget | undefined {
    const target = this.#byId.get(readCookie(x, this.#cookie) ?? '');
    if (target === undefined || !this.#roster.fits(target, tried)) return undefined;
    x.affinityLine = '';
    return target;
  }

  /** The answer tells the client to come back to this target. */
  bind(x: Exchange, target: LiveTarget): void {
    const lines = cameByHttps(x) ? this.#secureLines : this.#lines;
    x.affinityLine = lines[target.ordinal] as string;
  }
}
