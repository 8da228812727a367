import t from 'tap';
import { UndiciTransport } from '../../../src/gateway/upstream/transports/undici-transport.ts';
import { RawUpstream } from '../../support/raw-upstream.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { ask } from './told-answer.ts';
import { testTransportContract } from './transport-contract.ts';
import { undiciDeviations } from './undici-deviations.ts';

testTransportContract(t, { create: (options) => new UndiciTransport(options), deviations: undiciDeviations });

t.test('requests that were cancelled while they waited count until undici has let go of them', async (t) => {
  const upstream = await RawUpstream.listen(() => {});
  const transport = new UndiciTransport(transportOptions({ origin: upstream.origin }));
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  const first = ask(transport);
  // A client that asks and leaves, over and over, while the upstream is silent.
  const outcomes = Array.from({ length: 100 }, () => {
    const told = ask(transport);
    told.cancel();
    return told.outcome;
  });
  t.equal(outcomes.filter((outcome) => outcome === '').length, 4, 'four may wait for one connection');
  t.equal(outcomes.at(-1), 'busy');
  first.cancel();
});
