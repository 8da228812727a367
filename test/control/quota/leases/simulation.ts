// Many instances, one key, one store, a network that delays, loses and cuts, on a virtual clock: the same seed gives the same
// run. The store is lease-record.ts, the holders are lease-holder.ts; only the network, the demand and the requests are made up.

import { POLL_INTERVAL_US } from '../../../../src/control/quota/leases/demand-estimate.ts';
import { type HolderContext, LeaseHolder, REPLY_US_MAX } from '../../../../src/control/quota/leases/lease-holder.ts';
import { answerLease, type LeaseRecord } from '../../../../src/control/quota/leases/lease-record.ts';
import { type LeaseReply, type LeaseRequest, TOKEN } from '../../../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../../../src/control/quota/leases/share-bucket.ts';
import { markerAt, type StoreMarker } from '../../../../src/control/quota/store-marker.ts';

export interface Scenario {
  readonly seed: number;
  /** Tokens per second, and tokens. */
  readonly rate: number;
  readonly burst: number;
  readonly seconds: number;
  readonly instanceCount: number;
  /** Requests per second that an instance meets from a time on. */
  demand(instance: number, seconds: number): number;
  /** One way, µs; 200 to 800 by default. */
  readonly delayUs?: (random: () => number) => number;
  /** Part of all messages that are lost, either way. */
  readonly loss?: number;
  /** What happens to instances and store, in order of time. */
  readonly events?: readonly SimulatedEvent[];
  /** The store; lease-record.ts, unless a test wants to know what another one would do. */
  readonly answer?: typeof answerLease;
  /** Figures are taken from then on. */
  readonly warmUpSeconds?: number;
}

export interface SimulatedEvent {
  readonly atSeconds: number;
  /**
   * crash: the instance is gone, with what it held. start: a new one in its place. leave: it gives back what it holds and goes.
   * cut, join: no message passes. flush: the store forgets all. failover: another server, with the records of a second ago.
   */
  readonly kind: 'crash' | 'start' | 'leave' | 'cut' | 'join' | 'flush' | 'failover';
  readonly instance: number;
}

export interface Outcome {
  readonly offered: number;
  readonly admitted: number;
  /** What one bucket for all, asked without delay, would have admitted of the same requests. */
  readonly ideal: number;
  readonly commands: number;
  /** The most commands of one instance within one second. */
  readonly commandsPerSecondMax: number;
  /** Tokens that the worst window was over rate × length + burst: 0 or less. */
  readonly excess: number;
  /** Seconds of the admitted requests. */
  readonly admittedUs: readonly number[];
  readonly waited: number;
  /** Part of rate × time that was used. */
  readonly used: number;
  readonly commandsPerThousand: number;
  /** Of the offered: refused, though the one bucket admitted as many more. */
  readonly wronglyRefused: number;
}

interface Instance {
  readonly index: number;
  holder: LeaseHolder | undefined;
  bucket: ShareBucket;
  context: HolderContext;
  isCut: boolean;
  isAlive: boolean;
  life: number;
  waiting: number[];
  commandTimes: number[];
}

const US = 1e6;
// Requests that may wait at once, per key and instance.
const WAITING_MAX = 64;

export function simulate(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #random: () => number;
  readonly #queue = new EventQueue();
  readonly #instances: Instance[] = [];
  readonly #admittedUs: number[] = [];
  readonly #ideal: ShareBucket;
  #record: LeaseRecord | undefined;
  #recordBefore: LeaseRecord | undefined;
  #marker: StoreMarker | undefined;
  #serverId = 'server-0';
  #nowUs = 0;
  /** The store's clock and an instance's are never compared: this one starts elsewhere. */
  readonly #storeOffsetUs = 1.7e15;
  readonly #fromUs: number;
  #offered = 0;
  #idealCount = 0;
  #admitted = 0;
  #waited = 0;
  #commands = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = mulberry(scenario.seed);
    this.#fromUs = (scenario.warmUpSeconds ?? 0) * US;
    this.#ideal = new ShareBucket();
    this.#ideal.untilUs = Number.POSITIVE_INFINITY;
    this.#ideal.resize(0, scenario.rate * TOKEN, scenario.burst * TOKEN);
    this.#ideal.add(0, scenario.burst * TOKEN);
  }

  run(): Outcome {
    const { instanceCount, seconds } = this.#scenario;
    // A store that has been there for long.
    this.#marker = { serverId: this.#serverId, bornUs: 1 };
    for (let index = 0; index < instanceCount; index++) {
      this.#instances.push(this.#newInstance(index, 0));
      this.#arriveNext(index);
    }
    for (const event of this.#scenario.events ?? []) {
      this.#queue.push(event.atSeconds * US, () => this.#happen(event));
    }
    const tick = (): void => {
      for (const instance of this.#instances) this.#poll(instance);
      this.#queue.push(this.#nowUs + POLL_INTERVAL_US, tick);
    };
    this.#queue.push(POLL_INTERVAL_US / 3, tick);
    const snapshotStore = (): void => {
      this.#recordBefore = structuredClone(this.#record);
      this.#queue.push(this.#nowUs + US, snapshotStore);
    };
    if (this.#scenario.events?.some(({ kind }) => kind === 'failover')) this.#queue.push(0, snapshotStore);
    const endUs = seconds * US;
    for (let next = this.#queue.pop(); next !== undefined && next.atUs <= endUs; next = this.#queue.pop()) {
      this.#nowUs = next.atUs;
      next.run();
    }
    return this.#outcome();
  }

  #newInstance(index: number, life: number): Instance {
    return {
      index,
      holder: undefined,
      bucket: new ShareBucket(),
      context: { holder: `i${index}-${life}`, sequence: 0, roundTripUs: 1_000 },
      isCut: false,
      isAlive: true,
      life,
      waiting: [],
      commandTimes: [],
    };
  }

  #arriveNext(index: number): void {
    const perSecond = this.#scenario.demand(index, this.#nowUs / US);
    // Without demand, look again in 10 ms.
    const isRequest = perSecond > 0;
    const gap = isRequest ? (-Math.log(1 - this.#random()) / perSecond) * US : 10_000;
    // Demand may change before a rare request comes: look every 100 ms (Poisson demand has no memory).
    const isFar = gap > 100_000;
    this.#queue.push(this.#nowUs + Math.min(100_000, Math.max(1, Math.round(gap))), () => {
      if (isRequest && !isFar) this.#arrive(this.#instances[index] as Instance);
      this.#arriveNext(index);
    });
  }

  #arrive(instance: Instance): void {
    if (!instance.isAlive) return;
    const now = this.#nowUs;
    const counts = now >= this.#fromUs;
    if (counts) this.#offered++;
    if (this.#ideal.take(now) && counts) this.#idealCount++;
    const { bucket } = instance;
    bucket.demandCount++;
    if (bucket.take(now)) {
      this.#admit();
      return;
    }
    const { rate, burst } = this.#scenario;
    instance.holder ??= new LeaseHolder(instance.context, bucket, rate * TOKEN, burst * TOKEN, now - 1);
    if (!instance.holder.mayWait(now) || instance.waiting.length >= WAITING_MAX) return;
    instance.waiting.push(now);
    if (counts) this.#waited++;
    this.#poll(instance);
  }

  #admit(): void {
    this.#admittedUs.push(this.#nowUs);
    if (this.#nowUs >= this.#fromUs) this.#admitted++;
  }

  #poll(instance: Instance): void {
    if (!instance.isAlive || instance.holder === undefined) return;
    this.#serve(instance);
    const request = instance.holder.poll(this.#nowUs, instance.waiting.length);
    if (request !== undefined) this.#send(instance, request);
  }

  /** Give what there is to who waits; end the wait of who has waited for long. */
  #serve(instance: Instance): void {
    const { waiting, bucket, holder } = instance;
    while (waiting.length > 0 && bucket.take(this.#nowUs)) {
      waiting.shift();
      this.#admit();
    }
    if (holder?.mayWait(this.#nowUs) !== true) waiting.length = 0;
    while (waiting.length > 0 && (waiting[0] as number) + REPLY_US_MAX <= this.#nowUs) waiting.shift();
  }

  #send(instance: Instance, request: LeaseRequest): void {
    if (this.#nowUs >= this.#fromUs) this.#commands++;
    instance.commandTimes.push(this.#nowUs);
    const { holder, life } = instance;
    const sentUs = this.#nowUs;
    const isCurrent = (): boolean => instance.isAlive && instance.life === life && instance.holder === holder;
    this.#queue.push(sentUs + REPLY_US_MAX, () => {
      if (isCurrent()) holder?.failed(this.#nowUs, request);
    });
    if (this.#isLost(instance)) return;
    this.#queue.push(sentUs + this.#delay(), () => {
      const reply = this.#ask(request);
      if (this.#isLost(instance)) return;
      this.#queue.push(this.#nowUs + this.#delay(), () => {
        if (!isCurrent()) return;
        instance.context.roundTripUs += (this.#nowUs - sentUs - instance.context.roundTripUs) / 8;
        holder?.answered(this.#nowUs, request, reply);
        this.#poll(instance);
      });
    });
  }

  #ask(request: LeaseRequest): LeaseReply {
    const storeUs = this.#nowUs + this.#storeOffsetUs;
    this.#marker = markerAt(this.#marker, this.#serverId, storeUs);
    const answer = (this.#scenario.answer ?? answerLease)(this.#record, this.#marker, request, storeUs);
    this.#record = answer.record;
    return answer.reply;
  }

  #isLost(instance: Instance): boolean {
    return instance.isCut || this.#random() < (this.#scenario.loss ?? 0);
  }

  #delay(): number {
    const { delayUs } = this.#scenario;
    return Math.max(1, Math.round(delayUs === undefined ? 200 + 600 * this.#random() : delayUs(this.#random)));
  }

  #happen({ kind, instance: index }: SimulatedEvent): void {
    const instance = this.#instances[index] as Instance;
    if (kind === 'crash') instance.isAlive = false;
    else if (kind === 'start') this.#instances[index] = this.#newInstance(index, instance.life + 1);
    else if (kind === 'cut') instance.isCut = true;
    else if (kind === 'join') instance.isCut = false;
    else if (kind === 'flush') {
      this.#record = undefined;
      this.#marker = undefined;
    } else if (kind === 'failover') {
      this.#record = this.#recordBefore;
      this.#serverId += 'x';
    } else if (instance.isAlive) {
      const request = instance.holder?.close(this.#nowUs);
      if (request !== undefined) this.#send(instance, request);
      instance.isAlive = false;
    }
  }

  #outcome(): Outcome {
    const { rate, burst, seconds } = this.#scenario;
    const spanSeconds = seconds - this.#fromUs / US;
    return {
      offered: this.#offered,
      admitted: this.#admitted,
      ideal: this.#idealCount,
      commands: this.#commands,
      commandsPerSecondMax: Math.max(0, ...this.#instances.map(({ commandTimes }) => mostWithinASecond(commandTimes))),
      excess: worstExcess(this.#admittedUs, rate, burst),
      admittedUs: this.#admittedUs,
      waited: this.#waited,
      used: this.#admitted / (rate * spanSeconds),
      commandsPerThousand: (this.#commands / this.#admitted) * 1_000,
      wronglyRefused: (this.#idealCount - this.#admitted) / this.#offered,
    };
  }
}

/**
 * The most that any closed window between two admitted requests is over rate × length + burst, whatever its length.
 * @param timesUs  whole µs, in order
 * @param rate  such that rate × 10⁶ is whole
 */
export function worstExcess(timesUs: readonly number[], rate: number, burst: number): number {
  // Of requests i ≤ j there are j − i + 1 ≤ burst + rate · (t_j − t_i) / 10⁶.
  let lowest = Number.POSITIVE_INFINITY;
  let worst = -burst * US;
  timesUs.forEach((time, index) => {
    const level = index * US - rate * time;
    lowest = Math.min(lowest, level);
    worst = Math.max(worst, level - lowest + US - burst * US);
  });
  return worst / US;
}

function mostWithinASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, index) => {
    while ((times[first] as number) <= time - US) first++;
    most = Math.max(most, index - first + 1);
  });
  return most;
}

/** @source Tommy Ettinger, mulberry32 */
export function mulberry(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Queued {
  readonly atUs: number;
  /** Of two at one time, the one that was put in first. */
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap by time. */
class EventQueue {
  readonly #heap: Queued[] = [];
  #order = 0;

  push(atUs: number, run: () => void): void {
    const heap = this.#heap;
    const event = { atUs, order: this.#order++, run };
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(event, heap[above] as Queued)) break;
      heap[place] = heap[above] as Queued;
      place = above;
    }
    heap[place] = event;
  }

  pop(): Queued | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Queued, heap[below] as Queued)) below++;
      if (!isBefore(heap[below] as Queued, last)) break;
      heap[place] = heap[below] as Queued;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a: Queued, b: Queued): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
