import t from 'tap';
import type { TargetIndex } from '../../../src/base/ids.ts';
import type { HealthConfig } from '../../../src/control/config/config.ts';
import { CHECK_OK, type CheckResult } from '../../../src/control/health/check-result.ts';
import type { CheckTask } from '../../../src/control/health/check-target.ts';
import { CHECKS_AT_ONCE_MAX, HealthMonitor } from '../../../src/control/health/health-monitor.ts';
import type { UpstreamSummary } from '../../../src/control/releases/compile-upstreams.ts';
import { TargetHealth, TargetTable } from '../../../src/shm/target-table.ts';
import { VirtualClock } from '../../gateway/limiter/window.ts';

const FAILED: CheckResult = { verdict: 'status', reason: 'status 503' };
const SETTINGS: HealthConfig = {
  path: '/healthz',
  host: '',
  intervalMs: 2_000,
  timeoutMs: 1_000,
  unhealthyAfter: 3,
  healthyAfter: 2,
  statuses: [[200, 399]],
};

interface Begun {
  readonly origin: string;
  readonly atMs: number;
  readonly task: CheckTask;
  isCancelled: boolean;
  end(result: CheckResult): void;
}

/** A monitor whose clock and checks are the test's, on a real table. */
class Rig {
  readonly clock = new VirtualClock();
  readonly table = TargetTable.create();
  readonly begun: Begun[] = [];
  readonly log: string[] = [];
  /** Ends every check at once, when set. */
  result: ((origin: string) => CheckResult) | undefined;
  readonly monitor = new HealthMonitor({
    table: this.table,
    clock: this.clock,
    log: (level, message) => this.log.push(`${level} ${message}`),
    random: () => 0.5,
    check: (task, onEnd) => {
      const { origin } = task.target;
      const one: Begun = { origin, atMs: this.nowMs, task, isCancelled: false, end: onEnd };
      this.begun.push(one);
      if (this.result !== undefined) onEnd(this.result(origin));
      return () => {
        one.isCancelled = true;
      };
    },
  });

  get nowMs(): number {
    return this.clock.nowUs() / 1_000;
  }

  /** Ticks of 20 ms, until so much time has passed. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 20) {
      this.clock.us += 20_000;
      this.monitor.tick();
    }
  }

  /** Upstream main with these targets, at the indexes of their places. */
  follow(targets: readonly string[], health: HealthConfig | 'none' = SETTINGS): void {
    this.monitor.follow(
      [upstream(targets, health === 'none' ? undefined : health)],
      new Map(targets.map((name, i) => [`main\n${name}`, i])),
    );
  }

  health(index: number): TargetHealth {
    return this.table.health(index as TargetIndex);
  }

  stop(): void {
    this.monitor.stop();
  }
}

function upstream(targets: readonly string[], health: HealthConfig | undefined): UpstreamSummary {
  const parts = { socketPath: '', basePath: '', weight: 1 };
  return {
    name: 'main',
    discovery: undefined,
    health,
    hasCircuit: false,
    hasRetries: false,
    fallback: undefined,
    http2: false,
    tls: undefined,
    targets: targets.map((origin) => ({ name: origin, origin, authority: origin.slice(7), ...parts })),
  };
}

function rig(t: { teardown(end: () => void): void }): Rig {
  const rig = new Rig();
  t.teardown(() => rig.stop());
  return rig;
}

t.test('a new target is checked at once, and from then on at its interval', async (t) => {
  const r = rig(t);
  r.result = () => CHECK_OK;
  r.follow(['http://a:1']);
  t.equal(r.health(0), TargetHealth.UNKNOWN);
  r.pass(20);
  t.equal(r.health(0), TargetHealth.HEALTHY);
  r.pass(20_000);
  // The second comes within the first interval, at random; here after three quarters of it.
  t.same(
    r.begun.slice(0, 4).map(({ atMs }, i, all) => atMs - (all[i - 1]?.atMs ?? atMs)),
    [0, 1_500, 2_000, 2_000],
  );
  t.same(r.log, [], 'that it is well is no news');
});

t.test('what checks say is written where workers look, with the time, and logged once', async (t) => {
  const r = rig(t);
  r.result = () => CHECK_OK;
  r.follow(['http://a:1', 'http://b:2']);
  r.pass(20);
  r.result = (origin) => (origin === 'http://b:2' ? FAILED : CHECK_OK);
  r.pass(4_000);
  t.equal(r.health(1), TargetHealth.HEALTHY, 'two failures are not three');
  r.pass(2_000);
  t.equal(r.health(1), TargetHealth.UNHEALTHY);
  t.ok(r.table.isOut(1 as TargetIndex, r.nowMs));
  t.notOk(r.table.isOut(0 as TargetIndex, r.nowMs));
  const sinceMs = r.table.healthAgeMs(1 as TargetIndex, r.nowMs);
  t.ok(sinceMs <= 2_000);
  r.pass(6_000);
  t.equal(r.table.healthAgeMs(1 as TargetIndex, r.nowMs), sinceMs + 6_000);
  t.match(r.monitor.status('main', 'http://b:2'), { reason: 'status 503' });
  r.result = () => CHECK_OK;
  r.pass(4_100);
  t.equal(r.health(1), TargetHealth.HEALTHY);
  t.same(r.log, [
    'warn upstream main: target http://b:2 gets no more requests: its checks fail (status 503)',
    'info upstream main: target http://b:2 gets requests again: its checks succeed',
  ]);
});

t.test('a target has one check at a time, however long that takes', async (t) => {
  const r = rig(t);
  r.follow(['http://a:1']);
  r.pass(10_000);
  t.equal(r.begun.length, 1);
  r.begun[0]?.end(CHECK_OK);
  r.pass(20);
  t.equal(r.begun.length, 2, 'the next one is overdue');
});

t.test('so many checks run at once, and all targets have their turn', async (t) => {
  const r = rig(t);
  const targets = Array.from({ length: 150 }, (_, i) => `http://t${i}:1`);
  r.follow(targets);
  r.pass(20);
  t.ok(r.begun.length <= 8, 'a tick begins only some');
  r.pass(1_000);
  t.equal(r.begun.length, CHECKS_AT_ONCE_MAX);
  for (let round = 0; round < 2; round++) {
    for (const one of r.begun.slice(round * CHECKS_AT_ONCE_MAX)) one.end(CHECK_OK);
    r.pass(1_000);
  }
  t.equal(new Set(r.begun.slice(0, 150).map(({ origin }) => origin)).size, 150);
});

t.test('over a reload, targets that stay keep their health, and those that go lose it', async (t) => {
  const r = rig(t);
  r.result = () => FAILED;
  r.follow(['http://a:1', 'http://b:2']);
  r.pass(20);
  t.same([r.health(0), r.health(1)], [TargetHealth.UNHEALTHY, TargetHealth.UNHEALTHY]);
  r.result = undefined;
  r.pass(1_980);
  const [a, b] = r.begun.slice(2);
  r.follow(['http://a:1']);
  t.same([r.health(0), r.health(1)], [TargetHealth.UNHEALTHY, TargetHealth.UNKNOWN]);
  t.same([a?.isCancelled, b?.isCancelled], [false, true]);
  a?.end(CHECK_OK);
  r.result = () => CHECK_OK;
  r.pass(2_200);
  t.equal(r.health(0), TargetHealth.HEALTHY, 'the count goes on over the reload');
  r.follow([]);
  t.equal(r.health(0), TargetHealth.UNKNOWN);
});

t.test('an index that goes to another target starts with nothing known', async (t) => {
  const r = rig(t);
  r.result = () => FAILED;
  r.follow(['http://a:1']);
  r.pass(20);
  r.result = undefined;
  r.follow(['http://b:2']);
  t.equal(r.health(0), TargetHealth.UNKNOWN);
});

t.test('an index that another target takes over is not touched by the one that went', async (t) => {
  const r = rig(t);
  const [a, b] = ['http://a:1', 'http://b:2'];
  r.result = (origin) => (origin === b ? FAILED : CHECK_OK);
  r.follow([a, b]);
  r.pass(20);
  // b, which stays, moves to where a was.
  r.table.reset(0 as TargetIndex);
  r.monitor.follow([upstream([b], SETTINGS)], new Map([[`main\n${b}`, 0]]));
  t.equal(r.health(0), TargetHealth.UNHEALTHY);
});

t.test('other settings are tried at once; the same ones leave everything as it is', async (t) => {
  const r = rig(t);
  r.follow(['http://a:1']);
  r.pass(20);
  r.follow(['http://a:1'], { ...SETTINGS });
  t.equal(r.begun[0]?.isCancelled, false);
  r.follow(['http://a:1'], { ...SETTINGS, path: '/other' });
  t.equal(r.begun[0]?.isCancelled, true);
  r.pass(20);
  t.equal(r.begun.at(-1)?.task.plan.settings.path, '/other');
  r.follow(['http://a:1'], 'none');
  t.equal(r.begun[1]?.isCancelled, true, 'no check is wanted any more');
  t.equal(r.monitor.status('main', 'http://a:1'), undefined);
});
