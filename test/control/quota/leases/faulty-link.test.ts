// Instances whose way to a real Redis is slow, silent or cut, each at another moment: lost replies are the hard ones, because
// the store has given what nobody has heard of.

import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Fault } from '../../../../loadtest/faults/fault.ts';
import { FaultProxy } from '../../../../loadtest/faults/fault-proxy.ts';
import { LEASE_US_MAX } from '../../../../src/control/quota/leases/lease-terms.ts';
import { redisBinary, startOwnServer } from '../../../support/redis-server.ts';
import { BURST, clock, countOf, excessOf, Instance, offerUntil } from './demanding-instances.ts';

const FAULT_US = 300_000;
// What was held when it began is over, and others have it.
const SILENCE_US = LEASE_US_MAX + 1_000_000;
const PAUSE_MS = 150;
const FAULTS: readonly Fault[] = [
  { kind: 'delay', ms: 20 },
  // Longer than any request waits.
  { kind: 'delay', ms: 150 },
  // What the store did is not heard of.
  { kind: 'cut', afterBytes: 0, how: 'reset' },
  { kind: 'cut', afterBytes: 0, how: 'stall' },
  { kind: 'cut', afterBytes: 9, how: 'close' },
  { kind: 'throttle', bytes: 3, everyMs: 5 },
  { kind: 'silent' },
  { kind: 'hang-up', at: 'request', how: 'reset' },
  { kind: 'refuse' },
];

t.test(
  'a way to Redis that is slow, silent or cut: no window is over, and each instance comes back by itself',
  async (t) => {
    const server = await startOwnServer(redisBinary(), []);
    const port = Number(new URL(server.url).port);
    const proxies = [await FaultProxy.listen(port), await FaultProxy.listen(port)] as const;
    const through = proxies.map((proxy, index) => new Instance(proxy.url.replace('http:', 'redis:'), `behind${index}`));
    const straight = new Instance(server.url, 'straight');
    const instances = [...through, straight];
    t.teardown(async () => {
      for (const { connection } of instances) connection.close();
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await server.stop();
    });
    const answered = (some: readonly Instance[]) => async (): Promise<void> => {
      for (const { outcomes } of some) outcomes.clear();
      await offerUntil(instances, () => some.every(({ outcomes }) => outcomes.has('answered')));
    };
    await answered(instances)();

    for (const [index, fault] of FAULTS.entries()) {
      const other = FAULTS[(index + 4) % FAULTS.length] as Fault;
      await Promise.all([proxies[0].set(fault), proxies[1].set(other)]);
      // A pause fills what there is to give: as much as can be is lost at once.
      await wait(PAUSE_MS);
      const [startUs, before] = [clock.nowUs(), countOf([straight])];
      await offerUntil(instances, () => clock.nowUs() > startUs + (fault.kind === 'silent' ? SILENCE_US : FAULT_US));
      await offerUntil(instances, () => countOf([straight]) > before);
      await Promise.all(proxies.map((proxy) => proxy.set({ kind: 'pass' })));
      await answered(through)();
    }
    const after = countOf(through);
    await offerUntil(instances, () => countOf(through) >= after + 2 * BURST);
    t.ok(excessOf(instances) <= 0, `${excessOf(instances)} over of ${countOf(instances)}`);
    t.ok(
      through.some(({ outcomes }) => outcomes.size > 0),
      'they have been answered since',
    );
    t.comment(`${countOf(instances)} admitted, ${countOf(through)} behind proxies, excess ${excessOf(instances)}`);
  },
);
