// The contract's part about connections: which are used again, and what comes on one that nobody has asked.

import type { Test } from 'tap';
import { type RawConnection, turns } from '../../support/raw-upstream.ts';
import { askAndWait } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect, TransportKind } from './transport-contract.ts';

const FINE = { outcome: 'end', status: 200, body: 'fine', faults: [] };

/** Whole answers that end their connection, though the upstream leaves it open. */
export const closingAnswers: Readonly<Record<string, string>> = {
  'with Connection: close and nothing more': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  'with Connection: Close behind the length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCONNECTION:Close\r\n\r\nok',
  'with close in a list': 'HTTP/1.1 200 OK\r\nConnection: x-up, close ,x-down\r\nContent-Length: 2\r\n\r\nok',
  'with close in the second of two headers':
    'HTTP/1.1 200 OK\r\nConnection: x-up\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  'with Connection: close before chunks':
    'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'with Connection: close and no body': 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n',
  'with HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'with HTTP/1.0 and a Connection header without keep-alive':
    'HTTP/1.0 200 OK\r\nConnection: x-keep-alive\r\nContent-Length: 2\r\n\r\nok',
  'with HTTP/1.0 and both words': 'HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok',
};

/** Answers, and where each ends. */
const ended: Readonly<Record<string, { readonly bytes: string; readonly method?: string }>> = {
  'known length': { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  'no length': { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' },
  chunks: { bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n' },
  'chunks with trailers': { bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n' },
  '204': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n' },
  '304': { bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n' },
  HEAD: { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n', method: 'HEAD' },
  'HEAD with chunks': { bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', method: 'HEAD' },
};

const FORGED = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
/** What may follow the end. */
const surplus = [FORGED, 'x', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n', `\r\n${FORGED}`, '6\r\nforged\r\n0\r\n\r\n'];

export function testConnections(t: Test, connect: Connect, { deviations = new Map() }: TransportKind): void {
  t.test('answers one after the other use one connection', async (t) => {
    const { transport, upstream } = await connect(t, serveForever);
    for (let i = 0; i < 20; i++) t.match(await askAndWait(transport), FINE);
    t.equal(upstream.connections.length, 1);
  });

  for (const [name, bytes] of Object.entries(closingAnswers)) {
    const reason = deviations.get(name)?.reason;
    const verdict = reason === undefined ? 'is closed' : `is used again (${reason})`;
    t.test(`an answer ${name} is told whole, and its connection ${verdict}`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index === 0) {
          await connection.take();
          connection.send(bytes);
        }
        return serveForever(connection);
      });
      t.match(await askAndWait(transport), { outcome: 'end', faults: [] });
      if (reason === undefined) await upstream.connections[0]?.closed;
      t.match(await askAndWait(transport), FINE);
      t.equal(upstream.connections.length, reason === undefined ? 2 : 1);
    });
  }

  for (const how of ['end', 'reset'] as const) {
    t.test(`an idle connection that had its ${how} is not used again`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index > 0) return serveForever(connection);
        await connection.take();
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
      });
      t.match(await askAndWait(transport), FINE);
      const [first] = upstream.connections as [RawConnection];
      first[how]();
      await first.closed;
      // The other side lives in this process: it has heard of it after some turns of the loop.
      await turns(6);
      t.match(await askAndWait(transport), FINE);
      t.equal(upstream.connections.length, 2);
    });
  }

  testSurplus(t, connect);
}

/** Bytes behind the end of an answer reach nobody, and no other request is answered on their connection. */
function testSurplus(t: Test, connect: Connect): void {
  for (const [name, { bytes, method = 'GET' }] of Object.entries(ended)) {
    for (const when of ['at once', 'with its last byte', 'on the idle connection'] as const) {
      t.test(`bytes that follow an answer of ${name} ${when} are never taken for the next`, async (t) => {
        for (const rest of surplus) {
          const { transport, upstream } = await connect(t, async (connection, index) => {
            if (index > 0) return serveForever(connection);
            await connection.take();
            if (when === 'at once') connection.send(bytes + rest);
            else if (when === 'on the idle connection') connection.send(bytes);
            else await connection.sendInPieces([bytes.slice(0, -1), bytes.slice(-1) + rest]);
          });
          const told = await askAndWait(transport, { method });
          if (when === 'on the idle connection') upstream.connections[0]?.send(rest);
          await upstream.connections[0]?.closed;
          t.match(told, { outcome: 'end', status: Number(bytes.slice(9, 12)), faults: [] }, JSON.stringify(rest));
          t.equal(told.body, bytes.includes('ok') ? 'ok' : '');
          t.match(await askAndWait(transport), FINE);
          t.equal(upstream.connections.length, 2);
        }
      });
    }
  }
}
