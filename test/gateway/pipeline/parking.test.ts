import fc from 'fast-check';
import t from 'tap';
import { ADMIT, errors, type Verdict, WAIT } from '../../../src/gateway/pipeline/errors.ts';
import { type Exchange, Phase } from '../../../src/gateway/pipeline/exchange.ts';
import { PARKED_COUNT_MAX, Parking, RERUN } from '../../../src/gateway/pipeline/parking.ts';
import { bareExchange } from '../../support/bare-exchange.ts';

const REFUSED = errors.RATE_LIMITED.id;
const WAY_OUT = errors.DECISION_TIMEOUT.id;

/** Parking with a log of who went on with what. `onProceed` is the exchange's next step. */
function rig(countMax?: number) {
  const log: [name: string, verdict: Verdict][] = [];
  const armed: [name: string, ms: number][] = [];
  const names = new Map<Exchange, string>();
  const nameOf = (x: Exchange): string => names.get(x) ?? '?';
  const rig = {
    log,
    armed,
    onProceed: (_x: Exchange, _verdict: Verdict): void => {},
    arrive(name: string): Exchange {
      const x = bareExchange();
      names.set(x, name);
      return x;
    },
    park(name: string, key = 'key', wayOut: Verdict = WAY_OUT): Exchange {
      const x = rig.arrive(name);
      rig.parking.park(x, key, 50, wayOut);
      return x;
    },
    parking: new Parking(
      (x, verdict) => {
        log.push([nameOf(x), verdict]);
        rig.onProceed(x, verdict);
      },
      (x, ms) => armed.push([nameOf(x), ms]),
      countMax,
    ),
  };
  return rig;
}

t.test('a wake resumes everybody who waits for the key, in the order of arrival, and nobody else', async (t) => {
  const { parking, park, log } = rig();
  for (const name of ['a', 'b', 'c']) park(name);
  park('other', 'another key');
  t.equal(parking.wake('key', ADMIT), 3);
  t.same(log, [
    ['a', ADMIT],
    ['b', ADMIT],
    ['c', ADMIT],
  ]);
  t.equal(parking.count, 1);
  t.equal(parking.wake('key', ADMIT), 0, 'nobody is left');
  t.equal(parking.wake('another key', REFUSED), 1);
  t.same(log.at(-1), ['other', REFUSED]);
});

t.test('those who have to wait again after a RERUN stand before whoever arrives later', async (t) => {
  const r = rig();
  for (const name of ['a', 'b', 'c', 'd']) r.park(name);
  // A grant for one only.
  r.onProceed = (x, verdict) => {
    if (verdict === RERUN && r.log.at(-1)?.[0] !== 'a') r.parking.park(x, 'key', 50, WAY_OUT);
  };
  t.equal(r.parking.wake('key'), 4);
  t.equal(r.parking.count, 3);
  r.park('e');
  r.onProceed = () => {};
  r.log.length = 0;
  r.parking.wake('key', ADMIT);
  t.same(
    r.log.map(([name]) => name),
    ['b', 'c', 'd', 'e'],
  );
});

t.test('parking arms the deadline that it was told, and says WAIT', async (t) => {
  const { parking, arrive, armed } = rig();
  const x = arrive('a');
  t.equal(parking.park(x, 'key', 70, WAY_OUT), WAIT);
  t.equal(x.phase, Phase.PARKED);
  t.same(armed, [['a', 70]]);
});

t.test('past the bound an exchange is refused with PARKING_FULL, and is not parked', async (t) => {
  const { parking, park, arrive, log } = rig(3);
  for (const name of ['a', 'b', 'c']) park(name, `key ${name}`);
  const x = arrive('d');
  t.equal(parking.park(x, 'key a', 50, WAY_OUT), errors.PARKING_FULL.id);
  t.equal(x.phase, Phase.DECIDING);
  t.equal(parking.count, 3);
  parking.wake('key a', ADMIT);
  t.same(log, [['a', ADMIT]]);
  t.equal(parking.park(x, 'key a', 50, WAY_OUT), WAIT, 'there is room again');
});

t.test('a worker parks 1,024 exchanges, over all keys', async (t) => {
  const { parking, arrive } = rig();
  for (let i = 0; i < PARKED_COUNT_MAX; i++) t.ok(parking.park(arrive('x'), `key ${i % 100}`, 50, WAY_OUT) === WAIT);
  t.equal(parking.park(arrive('x'), 'key', 50, WAY_OUT), errors.PARKING_FULL.id);
  t.equal(PARKED_COUNT_MAX, 1_024);
});

t.test('whoever waited too long takes its stated way out, and leaves the others in order', async (t) => {
  const { parking, park, log } = rig();
  park('a');
  const b = park('b');
  park('c');
  const d = park('d', 'key', ADMIT);
  parking.expire(b);
  parking.expire(d);
  t.same(log, [
    ['b', WAY_OUT],
    ['d', ADMIT],
  ]);
  t.equal(b.phase, Phase.DECIDING);
  t.equal(parking.count, 2);
  parking.wake('key', ADMIT);
  t.same(log.slice(2), [
    ['a', ADMIT],
    ['c', ADMIT],
  ]);
});

t.test('an abort takes out the first, one in the middle, the last and the only one', async (t) => {
  for (const gone of [['a'], ['b'], ['c'], ['a', 'b', 'c'], ['c', 'b', 'a'], ['b', 'c']]) {
    const { parking, park, log } = rig();
    const parked = new Map(['a', 'b', 'c'].map((name) => [name, park(name)]));
    for (const name of gone) parking.leave(parked.get(name) as Exchange);
    park('d');
    const left = ['a', 'b', 'c', 'd'].filter((name) => !gone.includes(name));
    t.equal(parking.count, left.length);
    t.equal(parking.wake('key', ADMIT), left.length);
    t.same(
      log.map(([name]) => name),
      left,
    );
    t.equal(parking.count, 0);
  }
});

t.test('a resumed exchange that brings down others takes them out of the wake under way', async (t) => {
  const r = rig();
  const [, , c, d] = ['a', 'b', 'c', 'd', 'e'].map((name) => r.park(name));
  r.onProceed = () => {
    if (r.log.length !== 1) return;
    r.parking.leave(c as Exchange);
    r.parking.leave(d as Exchange);
  };
  t.equal(r.parking.wake('key', ADMIT), 3);
  t.same(
    r.log.map(([name]) => name),
    ['a', 'b', 'e'],
  );
  t.equal(r.parking.count, 0);
});

type Deed =
  | { readonly do: 'park'; readonly who: number; readonly key: string }
  | { readonly do: 'wake'; readonly key: string; readonly verdict: Verdict }
  | { readonly do: 'expire' | 'leave'; readonly who: number };

/** What the law is about: Parking, or a plain list that does the same. */
interface Waiting {
  readonly count: number;
  park(who: number, key: string): Verdict;
  wake(key: string, verdict: Verdict): number;
  expire(who: number): void;
  leave(who: number): void;
}

type Proceed = (who: number, verdict: Verdict) => void;

const COUNT_MAX = 6;
const EXCHANGE_COUNT = 9;

class ListWaiting implements Waiting {
  #list: { readonly who: number; readonly key: string; wave: number }[] = [];
  #wave = 0;
  readonly #proceed: Proceed;

  constructor(proceed: Proceed) {
    this.#proceed = proceed;
  }

  get count(): number {
    return this.#list.length;
  }

  park(who: number, key: string): Verdict {
    if (this.#list.length >= COUNT_MAX) return errors.PARKING_FULL.id;
    this.#list.push({ who, key, wave: 0 });
    return WAIT;
  }

  // Those whom a wake has taken are its own: one within it does not resume them a second time.
  wake(key: string, verdict: Verdict): number {
    const wave = ++this.#wave;
    const taken = this.#list.filter((one) => one.key === key && one.wave === 0);
    for (const one of taken) one.wave = wave;
    let resumed = 0;
    for (const one of taken) {
      if (!this.#list.includes(one)) continue;
      this.#list = this.#list.filter((other) => other !== one);
      resumed++;
      this.#proceed(one.who, verdict);
    }
    return resumed;
  }

  expire(who: number): void {
    this.leave(who);
    this.#proceed(who, WAY_OUT);
  }

  leave(who: number): void {
    this.#list = this.#list.filter((one) => one.who !== who);
  }
}

class RealWaiting implements Waiting {
  readonly #exchanges = Array.from({ length: EXCHANGE_COUNT }, () => bareExchange());
  readonly #parking: Parking;

  constructor(proceed: Proceed) {
    this.#parking = new Parking(
      (x, verdict) => proceed(this.#exchanges.indexOf(x), verdict),
      () => {},
      COUNT_MAX,
    );
  }

  get count(): number {
    return this.#parking.count;
  }

  park(who: number, key: string): Verdict {
    return this.#parking.park(this.#exchanges[who] as Exchange, key, 50, WAY_OUT);
  }

  wake(key: string, verdict: Verdict): number {
    return this.#parking.wake(key, verdict);
  }

  expire(who: number): void {
    this.#parking.expire(this.#exchanges[who] as Exchange);
  }

  leave(who: number): void {
    this.#parking.leave(this.#exchanges[who] as Exchange);
  }
}

/** Runs a story; whoever goes on does what its own list of deeds says next. @returns everything that was seen */
function tell(create: (proceed: Proceed) => Waiting, story: readonly Deed[], reactions: readonly (readonly Deed[])[]) {
  const seen: unknown[] = [];
  const parked = new Set<number>();
  const next = reactions.map(() => 0);
  const act = (deed: Deed, within: boolean): void => {
    if (deed.do === 'wake') {
      seen.push(['woke', waiting.wake(deed.key, deed.verdict)]);
    } else if (deed.do === 'park') {
      if (parked.has(deed.who)) return;
      const verdict = waiting.park(deed.who, deed.key);
      if (verdict === WAIT) parked.add(deed.who);
      seen.push(['park', deed.who, verdict]);
    } else if (parked.has(deed.who)) {
      // Deadlines come with the worker's tick, never within a wake.
      parked.delete(deed.who);
      if (deed.do === 'expire' && !within) waiting.expire(deed.who);
      else waiting.leave(deed.who);
    }
    seen.push(['count', waiting.count, parked.size]);
  };
  const waiting = create((who, verdict) => {
    parked.delete(who);
    seen.push(['proceed', who, verdict]);
    const deed = reactions[who]?.[next[who] as number];
    if (deed === undefined) return;
    next[who] = (next[who] as number) + 1;
    // Nobody arrives within a wake: only those who were resumed park, again.
    act(deed.do === 'park' ? { ...deed, who } : deed, true);
  });
  for (const deed of story) act(deed, false);
  return seen;
}

t.test('parking does what a plain list does, wakes within wakes and aborts within wakes included', async (t) => {
  const who = fc.integer({ min: 0, max: EXCHANGE_COUNT - 1 });
  const key = fc.constantFrom('a', 'b');
  const deed: fc.Arbitrary<Deed> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('park' as const), who, key }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('wake' as const),
        key,
        verdict: fc.constantFrom<Verdict>(RERUN, ADMIT, REFUSED),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('expire' as const, 'leave' as const), who }) },
  );
  const reactions = fc.array(fc.array(deed, { maxLength: 3 }), {
    minLength: EXCHANGE_COUNT,
    maxLength: EXCHANGE_COUNT,
  });
  const law = fc.property(fc.array(deed, { maxLength: 40 }), reactions, (story, reactions) => {
    const real = tell((proceed) => new RealWaiting(proceed), story, reactions);
    const listed = tell((proceed) => new ListWaiting(proceed), story, reactions);
    if (JSON.stringify(real) !== JSON.stringify(listed)) throw new Error(JSON.stringify({ real, listed }));
    for (const one of real) {
      if (Array.isArray(one) && one[0] === 'count' && one[1] !== one[2])
        throw new Error(`counts ${one[1]} for ${one[2]}`);
    }
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 3_000 }));
});
