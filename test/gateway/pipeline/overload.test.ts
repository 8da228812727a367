import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { ADMIT, errors } from '../../../src/gateway/pipeline/errors.ts';
import { Overload } from '../../../src/gateway/pipeline/overload.ts';
import { ControlBlock } from '../../../src/shm/control-block.ts';
import { bareExchange } from '../../support/bare-exchange.ts';
import { buildConfig } from '../../support/build-config.ts';
import { TestPlane } from '../../support/plane.ts';

const W0 = 0 as WorkerIndex;
const TICK_MS = 10;
const SERVED_MS = 1;
const SHED_MS = 0.05;

/** A worker's loop in virtual time: what comes during one turn is what the next has to do. */
class Loop {
  readonly control = ControlBlock.create(1, 0, 0);
  readonly overload = new Overload(this.control, W0, () => 0.5);
  readonly plan: { loopDelayMs: number };
  nowMs = 5;
  served = 0;
  shed = 0;
  turnsMs: number[] = [];
  #lengthMs = TICK_MS;

  constructor(loopDelayMs = 100) {
    this.plan = { loopDelayMs };
  }

  /** One turn, with so many requests in it, or as many as come in a second × its predecessor's length. */
  turn(requests: number): void {
    this.overload.tick(this.plan, this.nowMs);
    const startMs = this.nowMs;
    for (let n = 0; n < requests; n++) {
      const x = Object.assign(bareExchange(), { startUs: this.nowMs * 1_000 });
      const isShed = this.overload.isShedding && this.overload.decide(x) !== ADMIT;
      this.nowMs += isShed ? SHED_MS : SERVED_MS;
      if (isShed) this.shed++;
      else this.served++;
    }
    this.nowMs = Math.max(this.nowMs, startMs + TICK_MS);
    this.#lengthMs = this.nowMs - startMs;
    this.turnsMs.push(this.#lengthMs);
  }

  /** @param perSecond  requests, evenly */
  run(ms: number, perSecond: number): void {
    Object.assign(this, { served: 0, shed: 0, turnsMs: [] });
    for (const until = this.nowMs + ms; this.nowMs < until; ) {
      this.turn(Math.round((perSecond * this.#lengthMs) / 1_000));
    }
  }
}

t.test('a loop that is in time sheds nothing, nor does one that paused once, for however long', async (t) => {
  const loop = new Loop();
  loop.run(2_000, 800);
  for (const pauseMs of [150, 5_000, 60_000]) {
    loop.nowMs += pauseMs;
    loop.turn(90);
    loop.run(1_000, 700);
    t.equal(loop.shed, 0, `${pauseMs} ms`);
  }
});

for (const times of [1.5, 3, 10]) {
  t.test(
    `at ${times} times what it can do, turns stay near what is allowed, and the time is spent on what is served`,
    async (t) => {
      const loop = new Loop();
      loop.run(5_000, 1_000 * times);
      loop.run(10_000, 1_000 * times);
      const longest = Math.max(...loop.turnsMs);
      // One and a half times what is allowed, and what shedding the rest takes.
      t.ok(longest <= 200 / (1 - times * SHED_MS), `${longest} ms`);
      // What shedding itself costs cannot be served.
      const left = 1_000 - (1_000 * times - loop.served / 10) * SHED_MS;
      t.ok(loop.served / 10 >= 0.95 * left, `${loop.served / 10} of ${left} a second`);
      t.ok(loop.control.read(W0, 'shedsLoop') >= loop.shed);
      const level = loop.control.read(W0, 'overload') / 1_000;
      t.ok(Math.abs(level - (1 - 1 / times)) < 0.2, `level ${level}`);
      loop.run(2_000, 500);
      loop.run(1_000, 500);
      t.equal(loop.shed, 0, 'and it ends with the overload');
      t.equal(loop.control.read(W0, 'overload'), 0);
    },
  );
}

t.test('the later in a late turn, the larger the share: none at what is allowed, all at twice that', async (t) => {
  const loop = new Loop();
  loop.turn(0);
  loop.nowMs += 200;
  loop.overload.tick(loop.plan, loop.nowMs);
  const shedAt = (ms: number): number => {
    let shed = 0;
    for (let n = 0; n < 100; n++) {
      const x = Object.assign(bareExchange(), { startUs: (loop.nowMs + ms) * 1_000 });
      if (loop.overload.decide(x) !== ADMIT) shed++;
    }
    return shed;
  };
  t.equal(shedAt(99), 0);
  t.ok(Math.abs(shedAt(150) - 50) <= 1);
  t.equal(shedAt(900), 100);
});

t.test('want of memory sheds as large a share as the main thread says', async (t) => {
  const loop = new Loop();
  loop.control.setMemoryShed(300);
  loop.turn(1_000);
  t.ok(Math.abs(loop.shed - 300) <= 1);
  t.equal(loop.control.read(W0, 'shedsMemory'), loop.shed);
  loop.control.setMemoryShed(0);
  loop.run(2_000, 500);
  loop.run(1_000, 500);
  t.equal(loop.shed, 0);
});

t.test('with loopDelay: none, no turn is too long', async (t) => {
  const loop = new Loop(0);
  for (let n = 0; n < 20; n++) loop.turn(1_000);
  t.equal(loop.shed, 0);
});

t.test('a request that is shed is answered before it is routed, on a connection that is kept', async (t) => {
  const test = new TestPlane();
  test.publish(buildConfig(), 1);
  test.request('GET /orders');
  test.shm.control.setMemoryShed(950);
  test.pass(10);
  const [first, second] = [test.request('GET /orders'), test.request('GET /nowhere')];
  t.equal(first.client.status, 0, 'every twentieth is let in, the first here');
  t.match(second.client.body, /"OVERLOADED"/);
  t.same([second.client.status, second.client.told], [errors.OVERLOADED.status, ['respond']]);
  const at = second.client.headers.indexOf('retry-after');
  t.ok(Number(second.client.headers[at + 1]) >= 1 && Number(second.client.headers[at + 1]) <= 5);
  t.equal(second.x.route, undefined);
});
