import t from 'tap';
import { monotonicClock } from '../../../src/base/clock.ts';
import type { DiscoveryConfig, TargetConfig } from '../../../src/control/config/config.ts';
import { discoveryKey } from '../../../src/control/config/discovery-key.ts';
import { Discovery } from '../../../src/control/discovery/discovery.ts';
import type { DiscoveryListener } from '../../../src/control/discovery/discovery-source.ts';
import type { Log } from '../../../src/control/log.ts';

const A: DiscoveryConfig = { kind: 'file', file: '/a.yaml', httpsOnly: false };
const B: DiscoveryConfig = { kind: 'file', file: '/b.yaml', httpsOnly: false };

function target(port: number): TargetConfig {
  return { origin: `http://a:${port}`, authority: `a:${port}`, socketPath: '', basePath: '', weight: 1 };
}

/** Sources that say what the test says, and a publisher that publishes when the test lets it. */
class Rig {
  readonly listeners = new Map<string, DiscoveryListener>();
  readonly stopped: string[] = [];
  readonly refreshed: string[] = [];
  readonly log: string[] = [];
  /** Ports that were published, one list for each time. */
  readonly published: (readonly string[])[] = [];
  configs: readonly DiscoveryConfig[] = [];
  isRefused = false;
  /** While a publication is under way, after it has been compiled. */
  onCompiled: () => void = () => {};
  #waiting: (() => void)[] = [];
  readonly discovery: Discovery;

  constructor(log?: Log) {
    this.discovery = new Discovery({
      createSource: (config) => this.#source(discoveryKey(config)),
      publish: () => this.publish(),
      clock: monotonicClock(),
      log: log ?? ((level, message) => this.log.push(`${level} ${message}`)),
      firstAnswersMs: 10,
      pauseMs: 1,
    });
  }

  /** As the reloader does it. */
  async publish(): Promise<void> {
    let answers = this.discovery.answers();
    if (await this.discovery.prepare(this.configs)) answers = this.discovery.answers();
    this.onCompiled();
    const ports = [...answers.values()].flat().map(({ origin }) => origin.slice('http://a:'.length));
    if (!this.isRefused) this.published.push(ports);
    this.discovery.settle(this.configs, !this.isRefused);
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Resolves after the next publication, refused or not. */
  nextPublication(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(config: DiscoveryConfig, ...ports: readonly number[]): void {
    this.listeners.get(discoveryKey(config))?.onTargets(ports.map(target), '');
  }

  fail(config: DiscoveryConfig, reason: string): void {
    this.listeners.get(discoveryKey(config))?.onFailure(reason);
  }

  #source(key: string) {
    return {
      start: (listener: DiscoveryListener) => void this.listeners.set(key, listener),
      refresh: () => void this.refreshed.push(key),
      stop: () => void this.stopped.push(key),
    };
  }
}

/** With what is configured published, and answered. */
async function start(t: { teardown(end: () => void): void }, ...configs: readonly DiscoveryConfig[]): Promise<Rig> {
  const rig = new Rig();
  t.teardown(() => rig.discovery.stop());
  rig.configs = configs;
  const published = rig.publish();
  for (const config of configs) rig.tell(config, 1);
  await published;
  return rig;
}

t.test('the first publication has what sources find within a moment', async (t) => {
  const rig = await start(t, A, B);
  t.same(rig.published, [['1', '1']]);
});

t.test('one that finds nothing in time is not waited for; its answer is published when it comes', async (t) => {
  const rig = new Rig();
  t.teardown(() => rig.discovery.stop());
  rig.configs = [A];
  await rig.publish();
  t.same(rig.published, [[]]);
  t.match(rig.discovery.status(A), { targetCount: 0, ageMs: undefined });
  const next = rig.nextPublication();
  rig.tell(A, 1);
  await next;
  t.same(rig.published, [[], ['1']]);
});

t.test('one that fails is not waited for either', async (t) => {
  const rig = new Rig();
  t.teardown(() => rig.discovery.stop());
  rig.configs = [A];
  const published = rig.publish();
  rig.fail(A, 'there is no such file');
  await published;
  t.same(rig.published, [[]]);
  t.same(rig.log, ['warn discovery by /a.yaml: there is no such file; there are no targets yet']);
});

t.test(
  'the same targets in another order change nothing; other ones are published, those that come together once',
  async (t) => {
    const rig = await start(t, A, B);
    rig.tell(A, 1);
    const next = rig.nextPublication();
    rig.tell(A, 3, 2);
    rig.tell(B, 4);
    rig.tell(A, 2, 3);
    await next;
    t.same(rig.published.slice(1), [['2', '3', '4']]);
  },
);

t.test('a change that crosses with a publication is published by the next one', async (t) => {
  const rig = await start(t, A);
  rig.onCompiled = () => {
    rig.onCompiled = () => {};
    rig.tell(A, 3);
  };
  const first = rig.nextPublication();
  rig.tell(A, 2);
  await first;
  await rig.nextPublication();
  t.same(rig.published.slice(1), [['2'], ['3']]);
});

t.test('a publication that fails is tried again until it is done', async (t) => {
  const rig = await start(t, A);
  rig.isRefused = true;
  const first = rig.nextPublication();
  rig.tell(A, 2);
  await first;
  await rig.nextPublication();
  rig.isRefused = false;
  await rig.nextPublication();
  t.same(rig.published.slice(1), [['2']]);
});

t.test('a source that fails keeps its last answer; each problem is logged once, and so is its end', async (t) => {
  const rig = await start(t, A);
  for (const reason of ['no server', 'no server', 'no name', 'no name']) rig.fail(A, reason);
  t.match(rig.discovery.status(A), { targetCount: 1, failures: 4, problem: 'no name' });
  t.same([...rig.discovery.answers().values()].flat(), [target(1)]);
  rig.tell(A, 1);
  rig.tell(A, 1);
  t.match(rig.discovery.status(A), { problem: '' });
  t.same(rig.log, [
    'warn discovery by /a.yaml: no server; 1 targets stand',
    'warn discovery by /a.yaml: no name; 1 targets stand',
    'info discovery by /a.yaml: answered again; 1 targets stand',
  ]);
});

t.test('sources that are no longer named are stopped, those of a refused configuration too', async (t) => {
  const rig = await start(t, A);
  rig.isRefused = true;
  rig.configs = [A];
  await rig.discovery.prepare([A, B]);
  rig.discovery.settle([A], false);
  t.same(rig.stopped, [discoveryKey(B)]);
  rig.isRefused = false;
  rig.configs = [];
  await rig.publish();
  t.same(rig.stopped, [discoveryKey(B), discoveryKey(A)]);
  t.equal(rig.discovery.status(A), undefined);
});

t.test('upstreams that say the same share one source', async (t) => {
  const rig = await start(t, A, { ...A });
  t.equal(rig.listeners.size, 1);
  rig.discovery.refresh();
  t.same(rig.refreshed, [discoveryKey(A)]);
});

t.test('it takes no more than 256 targets', async (t) => {
  const rig = await start(t, A);
  const next = rig.nextPublication();
  rig.tell(A, ...Array.from({ length: 300 }, (_, port) => port + 1));
  await next;
  t.equal(rig.published[1]?.length, 256);
});
