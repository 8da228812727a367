// Targets from DNS: asks for a name's records, and again when their TTL is over.
//
// A name that leads nowhere any more, or a server that does not answer, changes nothing: what was found last stands. The two
// families of addresses are asked for on their own: one that gets no answer keeps its last addresses beside the other's new ones.

import type { promises } from 'node:dns';
import type { DnsDiscoveryConfig } from '../config/config.ts';
import type { DiscoveryListener, DiscoverySource } from './discovery-source.ts';
import {
  type Addresses,
  createResolver,
  type Family,
  lookUpAddresses,
  NO_RECORDS,
  problemOf,
  TRY_TIMEOUT_MS,
} from './dns-lookup.ts';
import { askAgainMs, byPriority, dnsTargets, type Endpoint, type SrvRecord } from './dns-targets.ts';

// Whatever the resolver's own timeouts add up to.
const ANSWER_TIMEOUT_MS = 10_000;
// Further records of one priority are not followed: an upstream has no more targets than that.
const SRV_RECORDS_MAX = 256;
// Names of SRV records that are looked up at a time.
const LOOKUPS_AT_ONCE = 16;
// So much earlier or later, by chance: many instances do not ask together.
const JITTER_SHARE = 0.1;

const NOTHING: Round = { endpoints: [], ttlSeconds: 0, isFresh: false, problem: '' };

const FAMILIES: Readonly<Record<DnsDiscoveryConfig['records'], readonly Family[]>> = {
  addresses: [4, 6],
  SRV: [4, 6],
  A: [4],
  AAAA: [6],
};

/** What one round of questions has found. */
interface Round {
  readonly endpoints: readonly Endpoint[];
  readonly ttlSeconds: number;
  /** Some of them were told just now: not all are remembered. */
  readonly isFresh: boolean;
  /** '' when every question was answered. */
  readonly problem: string;
}

interface NamedAddresses extends Addresses {
  readonly isFresh: boolean;
  readonly problem: string;
}

export class DnsSource implements DiscoverySource {
  readonly #config: DnsDiscoveryConfig;
  readonly #tryTimeoutMs: number;
  #listener: DiscoveryListener | undefined;
  #resolver: promises.Resolver | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isWanted = false;
  #failures = 0;
  /** The last addresses of each name and family, of this round and of the one before. */
  #known = new Map<string, Addresses>();
  #knownBefore = new Map<string, Addresses>();

  constructor(config: DnsDiscoveryConfig, tryTimeoutMs = TRY_TIMEOUT_MS) {
    this.#config = config;
    this.#tryTimeoutMs = tryTimeoutMs;
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener;
    this.refresh();
  }

  refresh(): void {
    if (this.#listener === undefined) return;
    clearTimeout(this.#timer);
    if (this.#isAsking) this.#isWanted = true;
    else void this.#ask();
  }

  stop(): void {
    this.#listener = undefined;
    clearTimeout(this.#timer);
    this.#resolver?.cancel();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#isWanted = false;
    // After a failure a new one: the system's name servers may have become others.
    this.#resolver ??= createResolver(this.#config.resolvers, this.#tryTimeoutMs);
    const resolver = this.#resolver;
    const tooLate = setTimeout(() => resolver.cancel(), ANSWER_TIMEOUT_MS);
    const round = await this.#round(resolver);
    clearTimeout(tooLate);
    this.#isAsking = false;
    if (this.#listener === undefined) return;
    const waitMs = this.#tell(this.#listener, round);
    if (this.#isWanted) return this.refresh();
    const jitter = 1 + JITTER_SHARE * (2 * Math.random() - 1);
    this.#timer = setTimeout(() => this.refresh(), waitMs * jitter).unref();
  }

  /** @returns when to ask again, in ms */
  #tell(listener: DiscoveryListener, { endpoints, ttlSeconds, isFresh, problem }: Round): number {
    if (isFresh) {
      this.#failures = 0;
      listener.onTargets(dnsTargets(this.#config, endpoints), problem);
      return askAgainMs(this.#config, ttlSeconds);
    }
    this.#resolver = undefined;
    listener.onFailure(problem === '' ? NO_RECORDS : problem);
    // 1, 2, 4 … times the shortest interval.
    return askAgainMs(this.#config, (this.#config.intervalMsMin / 1_000) * 2 ** Math.min(this.#failures++, 16));
  }

  async #round(resolver: promises.Resolver): Promise<Round> {
    this.#knownBefore = this.#known;
    this.#known = new Map();
    const { name, port, records } = this.#config;
    if (records !== 'SRV') return this.#endpointsOf(resolver, [{ name, port, priority: 0, weight: 1 }]);
    let services: readonly SrvRecord[];
    try {
      services = await resolver.resolveSrv(name);
    } catch (error) {
      this.#known = this.#knownBefore;
      return { ...NOTHING, problem: problemOf(error) };
    }
    let round = NOTHING;
    // The next choice only where the first leads nowhere.
    for (const group of byPriority(services)) {
      round = await this.#endpointsOf(resolver, group.toSorted(inOrder).slice(0, SRV_RECORDS_MAX));
      if (round.endpoints.length > 0) return round;
    }
    return round;
  }

  async #endpointsOf(resolver: promises.Resolver, records: readonly SrvRecord[]): Promise<Round> {
    const endpoints: Endpoint[] = [];
    let ttlSeconds = Number.POSITIVE_INFINITY;
    let problem = '';
    let isFresh = false;
    const left = [...records];
    const follow = async (): Promise<void> => {
      for (let record = left.pop(); record !== undefined; record = left.pop()) {
        const { name, port, weight } = record;
        const found = await this.#addressesOf(resolver, name);
        // An SRV record's weight is its server's, however many addresses that has.
        const share = this.#config.records === 'SRV' ? weight / Math.max(1, found.addresses.length) : weight;
        for (const address of found.addresses) endpoints.push({ address, port, name, weight: share });
        ttlSeconds = Math.min(ttlSeconds, found.ttlSeconds);
        isFresh ||= found.isFresh;
        if (found.problem !== '') problem = found.problem;
      }
    };
    await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, records.length) }, follow));
    return { endpoints, ttlSeconds, isFresh, problem };
  }

  async #addressesOf(resolver: promises.Resolver, name: string): Promise<NamedAddresses> {
    let problem = '';
    let isFresh = false;
    const answers = await Promise.all(
      FAMILIES[this.#config.records].map(async (family) => {
        const key = `${family} ${name}`;
        let answer = await lookUpAddresses(resolver, name, family);
        if ('problem' in answer) {
          ({ problem } = answer);
          answer = this.#knownBefore.get(key) ?? { addresses: [], ttlSeconds: Number.POSITIVE_INFINITY };
        } else if (answer.addresses.length > 0) isFresh = true;
        this.#known.set(key, answer);
        return answer;
      }),
    );
    return {
      addresses: answers.flatMap(({ addresses }) => addresses),
      ttlSeconds: Math.min(...answers.map((answer) => answer.ttlSeconds)),
      isFresh,
      problem,
    };
  }
}

function inOrder(a: SrvRecord, b: SrvRecord): number {
  const keyOf = ({ name, port }: SrvRecord): string => `${name} ${port}`;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
