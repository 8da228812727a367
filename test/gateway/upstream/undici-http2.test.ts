// What is HTTP/2's own in the transport over undici; the contract suite speaks HTTP/1.1.

import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { UndiciTransport } from '../../../src/gateway/upstream/transports/undici-transport.ts';
import { beginning, ending, reset, startRawHttp2Upstream } from '../../support/raw-http2-upstream.ts';
import { tlsText } from '../../support/tls-files.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { ask, askAndWait, type ToldAnswer } from './told-answer.ts';

// PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM. Of NO_ERROR, Node tells nothing.
const CODES = [1, 2, 7, 8, 11];

async function connect(t: Test, onStream: (stream: number, socket: TLSSocket) => void): Promise<UndiciTransport> {
  const upstream = await startRawHttp2Upstream(onStream);
  const tls = { ca: tlsText('ca.crt'), cert: '', key: '', serverName: '', verify: true };
  const transport = new UndiciTransport(transportOptions({ origin: upstream.origin, http2: true, tls }));
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  return transport;
}

t.test('an answer whose stream is reset within its body is not whole, whatever the reason', async (t) => {
  for (const code of CODES) {
    const transport = await connect(t, (stream, socket) => {
      socket.write(beginning(stream, 'part'));
      told.onChunkTold = () => void socket.write(reset(stream, code));
    });
    const told: ToldAnswer = ask(transport);
    await told.settled;
    t.match(told, { outcome: 'invalid', status: 200, body: 'part', faults: [] }, `code ${code}`);
  }
});

t.test('a reset is not taken for that of another answer that ends at the same moment', async (t) => {
  for (const isResetFirst of [true, false]) {
    const streams: number[] = [];
    const transport = await connect(t, (stream, socket) => {
      if (streams.push(stream) < 2) return;
      const [first = 0, second = 0] = streams;
      const ends = [reset(first, 8), ending(second)];
      const begun = streams.map((one) => beginning(one, 'text'));
      socket.write(Buffer.concat([...begun, ...(isResetFirst ? ends : ends.reverse())]));
    });
    const [first, second] = [ask(transport), ask(transport)];
    await Promise.all([first.settled, second.settled]);
    t.match(first, { outcome: 'invalid', faults: [] });
    t.match(second, { outcome: 'end', body: 'text', faults: [] });
  }
});

t.test('an answer that ends as it should is whole, also after one that did not', async (t) => {
  let count = 0;
  const transport = await connect(t, (stream, socket) => {
    socket.write(Buffer.concat([beginning(stream, 'text'), ++count === 1 ? reset(stream, 8) : ending(stream)]));
  });
  t.match(await askAndWait(transport), { outcome: 'invalid', faults: [] });
  t.match(await askAndWait(transport), { outcome: 'end', status: 200, body: 'text', faults: [] });
});
