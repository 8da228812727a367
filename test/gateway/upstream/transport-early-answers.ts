// The contract's part about answers that come before the whole request is sent. They stand; the rest of the request goes
// nowhere, and the connection with it: what would be sent on would be read as the rest of a body.

import type { Test } from 'tap';
import type { Transport } from '../../../src/gateway/upstream/transports/transport.ts';
import { ask, askAndWait, type ToldAnswer } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect } from './transport-contract.ts';

const BODY_BYTES = 1_000;
const FINE = { outcome: 'end', status: 200, body: 'fine', faults: [] };

const answers: Readonly<Record<string, { readonly bytes: string; readonly ends?: boolean }>> = {
  'of known length': { bytes: 'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig' },
  'in chunks': { bytes: 'HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n' },
  'with Connection: close': {
    bytes: 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig',
    ends: true,
  },
  'that ends with the connection': { bytes: 'HTTP/1.1 413 Too Large\r\n\r\nbig', ends: true },
};

export function testEarlyAnswers(t: Test, connect: Connect): void {
  for (const bodyLength of [BODY_BYTES, -1]) {
    const body = bodyLength < 0 ? 'a body of unknown length' : 'a body of known length';
    for (const [name, { bytes, ends }] of Object.entries(answers)) {
      t.test(`an answer ${name} that comes within ${body} is told whole, and its connection is closed`, async (t) => {
        const { transport, upstream } = await connect(t, async (connection, index) => {
          if (index > 0) return serveForever(connection);
          await connection.take();
          connection.send(bytes);
          if (ends === true) connection.end();
        });
        const told = post(transport, bodyLength);
        told.call?.sendBody(Buffer.alloc(10, 'a'), false);
        await told.settled;
        t.match(told, { outcome: 'end', status: 413, body: 'big' });
        await upstream.connections[0]?.closed;
        // The rest may still come from the client; nobody takes it, and nothing is told.
        told.call?.sendBody(Buffer.alloc(BODY_BYTES - 10), true);
        t.match(await askAndWait(transport), FINE);
        t.same(told.faults, []);
        t.equal(upstream.connections.length, 2);
      });
    }

    t.test(`an answer that begins within ${body} and ends behind it is told whole`, async (t) => {
      const { transport } = await connect(t, async (connection) => {
        const head = await connection.take((text) => text.includes('first'));
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nheard ');
        if (!head.includes('second')) await connection.take((text) => text.includes('second'));
        connection.send('it all');
      });
      const told = post(transport, bodyLength);
      told.onChunkTold = () => {
        told.onChunkTold = () => {};
        told.call?.sendBody(Buffer.from('second'.padEnd(BODY_BYTES - 10, '.')), true);
      };
      told.call?.sendBody(Buffer.from('first'.padEnd(10, '.')), false);
      await told.settled;
      t.match(told, { outcome: 'end', status: 200, body: 'heard it all', faults: [] });
    });
  }
}

function post(transport: Transport, bodyLength: number): ToldAnswer {
  const headers = ['host', 'a', ...(bodyLength < 0 ? [] : ['content-length', String(bodyLength)])];
  return ask(transport, { method: 'POST', headers, bodyLength });
}
