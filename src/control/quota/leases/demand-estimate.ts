// How many requests a key meets per second, from a count that only grows. An average is slow where demand jumps, and a short
// window is noisy: the average holds until the last polls are off by more than chance would have it (requests come as a Poisson
// process: √n is their deviation), and then it starts again from those.

import { TOKEN } from './lease-terms.ts';

export const POLL_INTERVAL_US = 25_000;

const demandTerms = {
  /** Demand is averaged over so long, unless it moves by more than chance would. */
  averageUs: 1_000_000,
  /** Standard deviations that demand must be off within the last polls to have moved, and requests beside. */
  movedDeviations: 4,
  movedCount: 4,
  /** Polls that are looked at for that. */
  movedPolls: 4,
  /** So many requests of a key that is new say how much of it is asked for: an average from nothing would take a second to. */
  firstCount: 4,
} as const;

const US_PER_SECOND = 1e6;

export class DemandEstimate {
  perSecond = 0;
  #count: number;
  #atUs: number;
  /** When it began; long ago once its average stands. */
  #beganUs: number;
  readonly #beganCount: number;
  /** Of the last polls: counts and µs, a ring. */
  readonly #counts = new Float64Array(demandTerms.movedPolls);
  readonly #spansUs = new Float64Array(demandTerms.movedPolls);
  #place = 0;

  constructor(count: number, nowUs: number) {
    this.#count = count;
    this.#atUs = nowUs;
    this.#beganUs = nowUs;
    this.#beganCount = count;
  }

  /** Nanotokens that are demanded in a time. */
  of(us: number): number {
    return ((this.perSecond * us) / US_PER_SECOND) * TOKEN;
  }

  /** @returns whether demand has moved by more than chance */
  update(count: number, nowUs: number): boolean {
    const spanUs = nowUs - this.#atUs;
    // Polls in between, for requests that starve, belong to the next one.
    if (spanUs < POLL_INTERVAL_US / 2) return false;
    const met = count - this.#count;
    this.#count = count;
    this.#atUs = nowUs;
    this.#counts[this.#place] = met;
    this.#spansUs[this.#place] = spanUs;
    this.#place = (this.#place + 1) % demandTerms.movedPolls;
    const weight = 1 - Math.exp(-spanUs / demandTerms.averageUs);
    const before = this.perSecond;
    const beganUs = nowUs - this.#beganUs;
    const beganCount = count - this.#beganCount;
    if (beganUs < demandTerms.averageUs && beganCount >= demandTerms.firstCount) {
      this.perSecond = (beganCount * US_PER_SECOND) / beganUs;
    } else this.perSecond += weight * ((met * US_PER_SECOND) / spanUs - before);
    return this.#seekMove(before);
  }

  /** The shortest row of polls up to the last one that is off by more than chance says how things are now. */
  #seekMove(before: number): boolean {
    let count = 0;
    let us = 0;
    for (let back = 1; back <= demandTerms.movedPolls; back++) {
      const place = (this.#place + demandTerms.movedPolls - back) % demandTerms.movedPolls;
      count += this.#counts[place] as number;
      us += this.#spansUs[place] as number;
      const expected = (before * us) / US_PER_SECOND;
      const chance = demandTerms.movedDeviations * Math.sqrt(Math.max(expected, count)) + demandTerms.movedCount;
      if (Math.abs(count - expected) <= chance) continue;
      this.perSecond = (count * US_PER_SECOND) / us;
      this.#beganUs = Number.NEGATIVE_INFINITY;
      // What was before the move says nothing any more.
      this.#counts.fill(0);
      this.#spansUs.fill(0);
      return true;
    }
    return false;
  }
}
