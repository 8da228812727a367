// The contract's part about whole answers: however they are framed and wherever the network cuts them.

import type { Test } from 'tap';
import type { RawConnection } from '../../support/raw-upstream.ts';
import { askAndWait } from './told-answer.ts';
import type { Connect, TransportKind } from './transport-contract.ts';

interface Answer {
  readonly name: string;
  readonly bytes: string;
  readonly method?: string;
  readonly status?: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** The connection ends with it. */
  readonly ends?: boolean;
}

const answers: readonly Answer[] = [
  {
    name: 'of known length',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Up: \xe9 b\r\n\r\nhello',
    headers: ['content-length', '5', 'x-up', '\xe9 b'],
    body: 'hello',
  },
  {
    name: 'with headers that repeat, are empty and lie in white space',
    bytes:
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie:\t b=2 \t\r\nX-Empty:\r\nSET-COOKIE: a=3\r\nContent-Length: 0\r\n\r\n',
    headers: ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-empty', '', 'set-cookie', 'a=3', 'content-length', '0'],
    body: '',
  },
  {
    name: 'in chunks with extensions and trailers',
    bytes:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n' +
      '5;name=value;other="q;x"\r\nhello\r\n00A\r\n, chunks!!\r\n0;last\r\nX-Sum: 15\r\nX-More: 1\r\n\r\n',
    headers: ['transfer-encoding', 'chunked', 'trailer', 'x-sum'],
    body: 'hello, chunks!!',
  },
  {
    name: 'of one empty chunk',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    headers: ['transfer-encoding', 'chunked'],
    body: '',
  },
  {
    name: 'that ends with the connection',
    bytes: 'HTTP/1.1 200 OK\r\nX-Up: 1\r\n\r\nuntil the end',
    headers: ['x-up', '1'],
    body: 'until the end',
    ends: true,
  },
  {
    name: 'of HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    headers: ['content-length', '2'],
    body: 'ok',
    ends: true,
  },
  {
    name: 'with Connection: close',
    bytes: 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone',
    status: 404,
    headers: ['connection', 'close', 'content-length', '4'],
    body: 'none',
    ends: true,
  },
  {
    name: 'to HEAD, with the length of a body that does not come',
    method: 'HEAD',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
    headers: ['content-length', '500'],
    body: '',
  },
  {
    name: 'to HEAD, with chunks that do not come',
    method: 'HEAD',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    headers: ['transfer-encoding', 'chunked'],
    body: '',
  },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\nX-Up: 1\r\n\r\n', status: 204, headers: ['x-up', '1'], body: '' },
  {
    name: '304 with the length of what did not change',
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "a"\r\n\r\n',
    status: 304,
    headers: ['content-length', '500', 'etag', '"a"'],
    body: '',
  },
  {
    name: 'after several 1xx',
    bytes:
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n' +
      'HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok',
    status: 201,
    headers: ['content-length', '2'],
    body: 'ok',
  },
  {
    name: 'without a reason, with a status of its own',
    bytes: 'HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\n!',
    status: 299,
    headers: ['content-length', '1'],
    body: '!',
  },
];

export function testAnswers(t: Test, connect: Connect, kind: TransportKind): void {
  for (const answer of answers) {
    t.test(`an answer ${answer.name} is the same wherever it is split`, async (t) => {
      const ways = waysToSplit(answer.bytes);
      let way = 0;
      const { transport } = await connect(t, async (connection) => {
        while ((await connection.take()) !== '') {
          await connection.sendInPieces(ways[way++] ?? []);
          if (answer.ends === true) return connection.end();
        }
      });
      for (const pieces of ways) {
        const told = await askAndWait(transport, { method: answer.method ?? 'GET' });
        const { outcome, status, headers, body, faults } = told;
        const isSame =
          outcome === 'end' &&
          status === (answer.status ?? 200) &&
          headers.join('\n') === answer.headers.join('\n') &&
          body === answer.body &&
          faults.length === 0;
        if (isSame) continue;
        t.fail('told something else', { pieces, outcome, status, headers, body, faults });
        break;
      }
      t.equal(way, ways.length);
    });
  }

  t.test('100 Continue that nobody asked for is dropped as any other 1xx', async (t) => {
    const { transport } = await connect(t, async (connection) => {
      await connection.take();
      connection.send('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    const told = await askAndWait(transport);
    // A transport that cannot has to say so, and not that the request may be sent again.
    if (kind.refusesContinue === true) t.equal(told.outcome, 'invalid');
    else t.match(told, { outcome: 'end', status: 200, body: 'ok' });
  });

  t.test('answers one after the other use one connection', async (t) => {
    const { transport, upstream } = await connect(t, serveForever);
    for (let i = 0; i < 20; i++) t.equal((await askAndWait(transport)).body, 'fine');
    t.equal(upstream.connections.length, 1);
  });

  t.test('an answer that ends its connection is followed by another connection', async (t) => {
    const { transport, upstream } = await connect(t, async (connection) => {
      await connection.take();
      connection.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    });
    for (let i = 1; i <= 3; i++) {
      t.equal((await askAndWait(transport)).outcome, 'end');
      t.equal(upstream.connections.length, i);
      await upstream.connections.at(-1)?.closed;
    }
  });

  t.test('bytes after the end of an answer reach nobody, and their connection is not used again', async (t) => {
    const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
    const ends = [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n',
    ];
    for (const first of ends) {
      for (const rest of [forged, 'x', `\r\n${forged}`]) {
        const { transport, upstream } = await connect(t, async (connection, index) => {
          if (index > 0) return serveForever(connection);
          await connection.take();
          connection.send(first + rest);
        });
        const told = await askAndWait(transport);
        t.notMatch(told.body, /forged|x/);
        t.same(told.faults, []);
        const next = await askAndWait(transport);
        t.match(next, { outcome: 'end', body: 'fine', faults: [] });
        t.equal(upstream.connections.length, 2);
      }
    }
  });
}

/** Answers every request with `fine`. */
export async function serveForever(connection: RawConnection): Promise<void> {
  while ((await connection.take()) !== '') connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
}

/** Whole, in two pieces at every boundary, and byte by byte. */
function waysToSplit(bytes: string): readonly (readonly string[])[] {
  const inTwo = Array.from({ length: bytes.length - 1 }, (_, i) => [bytes.slice(0, i + 1), bytes.slice(i + 1)]);
  return [[bytes], ...inTwo, [...bytes]];
}
