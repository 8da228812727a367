// The contract's part about answers that are none: what failed decides whether a request may be sent again.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import { turns } from '../../support/raw-upstream.ts';
import { askAndWait } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect } from './transport-contract.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';

// The other side lives in this process: after some turns of the loop it has read what lay in the socket.
const READING_TURNS = 6;

/** What comes, and is no HTTP or not all of it. */
const invalid: Readonly<Record<string, string>> = {
  garbage: 'nonsense\r\n\r\n',
  'garbage that begins well': 'HTTP/banana 200 OK\r\n\r\n',
  'another version': 'HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  'a status that is no number': 'HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n',
  'two lengths': `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`,
  'a list of lengths': `${HEAD}Content-Length: 2, 3\r\n\r\nabc`,
  'a negative length': `${HEAD}Content-Length: -1\r\n\r\n`,
  'a length that is no number': `${HEAD}Content-Length: 0x2\r\n\r\nab`,
  'a length beside chunks': `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  'a header name with a space': `${HEAD}Content-Length : 2\r\n\r\nok`,
  'a header without a name': `${HEAD}: 2\r\nContent-Length: 0\r\n\r\n`,
  'a header without a colon': `${HEAD}Content-Length\r\n\r\n`,
  'a header value with a zero byte': `${HEAD}X-Up: a\x00b\r\nContent-Length: 0\r\n\r\n`,
  'a bare CR in a header': `${HEAD}X-Up: a\rX-Other: b\r\nContent-Length: 0\r\n\r\n`,
  'an upgrade that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
};

/** The same after a head that could be told. */
const invalidBodies: Readonly<Record<string, string>> = {
  'a chunk size that is no number': 'zz\r\nhello\r\n0\r\n\r\n',
  'a chunk longer than its size': '2\r\nhello\r\n0\r\n\r\n',
  'a chunk size past any number': 'fffffffffffffffff\r\nhello',
  'a negative chunk size': '-5\r\nhello\r\n0\r\n\r\n',
};

const cuts: Readonly<Record<string, string>> = {
  'a body of known length': `${HEAD}Content-Length: 10\r\n\r\nhello`,
  'a body of known length on a connection that closes': `${HEAD}Connection: close\r\nContent-Length: 10\r\n\r\nhello`,
  'a chunk': `${HEAD}Transfer-Encoding: chunked\r\n\r\n8\r\nhel`,
  'chunks before the last': `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  trailers: `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: `,
};

export function testFailures(t: Test, connect: Connect): void {
  for (const [name, bytes] of Object.entries(invalid)) {
    t.test(`an answer with ${name} is invalid, and its connection is closed`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index > 0) return serveForever(connection);
        await connection.take();
        connection.send(bytes);
      });
      const told = await askAndWait(transport);
      t.match(told, { outcome: 'invalid', faults: [] });
      await upstream.connections[0]?.closed;
      t.equal((await askAndWait(transport)).body, 'fine', 'the next request has a connection of its own');
    });
  }

  for (const [name, bytes] of Object.entries(invalidBodies)) {
    t.test(`an answer with ${name} fails after its head`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection) => {
        await connection.take();
        connection.send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${bytes}`);
      });
      t.match(await askAndWait(transport), { outcome: 'invalid', status: 200, faults: [] });
      await upstream.connections[0]?.closed;
    });
  }

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

  t.test('a head of 32 KiB is taken, one of 128 KiB is invalid, sent at once or for ever', async (t) => {
    const field = `X-Long: ${'v'.repeat(1_014)}\r\n`;
    const { transport } = await connect(t, async (connection, index) => {
      await connection.take();
      if (index === 0) connection.send(`${HEAD}${field.repeat(32)}Connection: close\r\nContent-Length: 0\r\n\r\n`);
      if (index === 1) connection.send(`${HEAD}${field.repeat(128)}Content-Length: 0\r\n\r\n`);
      if (index !== 2) return;
      connection.send(`${HEAD}X-Long: `);
      while (!connection.socket.destroyed) {
        connection.send('v'.repeat(1_024));
        await turns(READING_TURNS);
      }
    });
    t.equal((await askAndWait(transport)).headers.length, 68);
    t.match(await askAndWait(transport), { outcome: 'invalid', status: 0, faults: [] });
    t.match(await askAndWait(transport), { outcome: 'invalid', status: 0, faults: [] });
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
