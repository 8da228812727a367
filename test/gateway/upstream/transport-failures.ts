// The contract's part about connections that fail, before an answer or within it: what failed decides whether a request
// may be sent again.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import { turns } from '../../support/raw-upstream.ts';
import { askAndWait } from './told-answer.ts';
import type { Connect } from './transport-contract.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';

// The other side lives in this process: after some turns of the loop it has read what lay in the socket.
const READING_TURNS = 6;

const cuts: Readonly<Record<string, string>> = {
  'a body of known length': `${HEAD}Content-Length: 10\r\n\r\nhello`,
  'a body of known length on a connection that closes': `${HEAD}Connection: close\r\nContent-Length: 10\r\n\r\nhello`,
  'a chunk': `${HEAD}Transfer-Encoding: chunked\r\n\r\n8\r\nhel`,
  'chunks before the last': `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  trailers: `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: `,
};

export function testFailures(t: Test, connect: Connect): void {
  for (const how of ['end', 'reset'] as const) {
    t.test(`a connection that has its ${how} before the first byte of the answer is a reset`, async (t) => {
      const { transport } = await connect(t, async (connection) => {
        await connection.take();
        connection[how]();
      });
      t.match(await askAndWait(transport), { outcome: 'reset', status: 0, faults: [] });
    });

    t.test(`a connection that has its ${how} within the head gives an invalid answer`, async (t) => {
      for (const bytes of ['H', HEAD, `${HEAD}Content-Length: 5\r\n`, 'HTTP/1.1 103 Early Hints\r\n\r\n']) {
        const { transport, upstream } = await connect(t, async (connection) => {
          await connection.take();
          connection.send(bytes);
          // A reset throws away what the other side has not read yet.
          await turns(READING_TURNS);
          connection[how]();
        });
        t.match(await askAndWait(transport), { outcome: 'invalid', status: 0, faults: [] }, JSON.stringify(bytes));
        t.equal(upstream.connections.length, 1);
      }
    });

    for (const [name, bytes] of Object.entries(cuts)) {
      t.test(`a connection that has its ${how} within ${name} gives an invalid answer`, async (t) => {
        const { transport } = await connect(t, async (connection) => {
          await connection.take();
          connection.send(bytes);
          await turns(READING_TURNS);
          connection[how]();
        });
        t.match(await askAndWait(transport), { outcome: 'invalid', status: 200, faults: [] });
      });
    }
  }

  t.test('an answer that ends with its connection does not end with a reset', async (t) => {
    const { transport } = await connect(t, async (connection) => {
      await connection.take();
      connection.send(`${HEAD}\r\nhalf of it`);
      await turns(READING_TURNS);
      connection.reset();
    });
    t.match(await askAndWait(transport), { outcome: 'invalid', body: 'half of it', faults: [] });
  });

  t.test('a port that nobody listens on is unreachable', async (t) => {
    const { port } = await freePort();
    const { transport } = await connect(t, () => {}, { origin: `http://127.0.0.1:${port}` });
    t.match(await askAndWait(transport), { outcome: 'unreachable', status: 0, faults: [] });
    t.match(await askAndWait(transport, { method: 'POST', bodyLength: -1 }), { outcome: 'unreachable', faults: [] });
  });

  t.test('a name that does not exist is unreachable', async (t) => {
    const { transport } = await connect(t, () => {}, { origin: 'http://upstream.invalid:80' });
    t.match(await askAndWait(transport), { outcome: 'unreachable', status: 0, faults: [] });
  });

  t.test('a connection that is not made in time says so', async (t) => {
    // It accepts and says nothing: TLS never comes about.
    const { transport, upstream } = await connect(t, () => {}, { connectTimeoutMs: 50 });
    const silent = await connect(t, () => {}, {
      origin: upstream.origin.replace('http:', 'https:'),
      connectTimeoutMs: 50,
    });
    t.match(await askAndWait(silent.transport), { outcome: 'connect-timeout', status: 0, faults: [] });
    t.ok(transport);
  });
}

function freePort(): Promise<{ readonly port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve({ port }));
    });
  });
}
