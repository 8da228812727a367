// The contract's part about requests: what reaches the upstream, byte for byte, and no faster than it reads.

import type { Test } from 'tap';
import { turns } from '../../support/raw-upstream.ts';
import { ask, askAndWait } from './told-answer.ts';
import type { Connect } from './transport-contract.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

export function testRequests(t: Test, connect: Connect): void {
  t.test(
    'a request reaches the upstream with its method, path, host and headers, in order and in latin1',
    async (t) => {
      const heads: string[] = [];
      const { transport } = await connect(t, async (connection) => {
        for (;;) {
          const head = await connection.take();
          if (head === '') return;
          heads.push(head);
          connection.send(OK);
        }
      });
      const headers = [
        'host',
        'shop.example:8080',
        'cookie',
        'a=1',
        'x-up',
        '\xe9\xff',
        'cookie',
        'b=2',
        'x-empty',
        '',
      ];
      for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PROPFIND', 'SEARCH', 'REPORT']) {
        const path = "/a%2Fb;c/%F0/~!$&'()*+,=:@?x=%00&y=[1]";
        t.match(await askAndWait(transport, { method, path, headers }), { outcome: 'end', faults: [] }, method);
        const [line, ...fields] = (heads.at(-1) ?? '').split('\r\n');
        t.equal(line, `${method} ${path} HTTP/1.1`);
        const own = fields.filter((field) => /^(?:cookie|x-)/.test(field));
        t.same(own, ['cookie: a=1', 'x-up: \xe9\xff', 'cookie: b=2', 'x-empty: ']);
        t.same(
          fields.filter((field) => /^host:/i.test(field)),
          ['host: shop.example:8080'],
        );
        t.notMatch(fields.join('\n'), /^transfer-encoding|^expect|^content-length: [^0]/im, 'no body is announced');
        t.notMatch(fields.join('\n'), /^(?:user-agent|accept|accept-encoding):/im, 'nothing is added');
      }
    },
  );

  t.test('a body of known length reaches the upstream whole, in whatever pieces it came', async (t) => {
    const bodies: string[] = [];
    const { transport } = await connect(t, async (connection) => {
      for (;;) {
        const received = await connection.take((text) => lengthOf(text) >= 0 && bodyOf(text).length >= lengthOf(text));
        if (received === '') return;
        bodies.push(bodyOf(received));
        t.notMatch(received, /^transfer-encoding:/im);
        t.equal(received.match(/^content-length:/gim)?.length, 1);
        connection.send(OK);
      }
    });
    const body = Buffer.from(Array.from({ length: 1_000 }, (_, i) => (i * 7) % 256));
    for (const size of [1, 7, 333, 999, 1_000]) {
      const told = ask(transport, {
        method: 'POST',
        headers: ['host', 'a', 'content-length', '1000'],
        bodyLength: body.length,
      });
      for (let at = 0; at < body.length; at += size) {
        told.call?.sendBody(body.subarray(at, at + size), at + size >= body.length);
        if (size > 300) await turns(1);
      }
      await told.settled;
      t.match(told, { outcome: 'end', faults: [] });
      t.ok(bodies.at(-1) === body.toString('latin1'), `in pieces of ${size}`);
    }
    const told = ask(transport, { method: 'POST', headers: ['host', 'a', 'content-length', '4'], bodyLength: 4 });
    told.call?.sendBody(Buffer.from('four'), false);
    told.call?.sendBody(Buffer.alloc(0), true);
    await told.settled;
    t.match(told, { outcome: 'end', faults: [] });
    t.equal(bodies.at(-1), 'four', 'the last piece may be empty');
  });

  t.test('a body of unknown length is sent chunked, piece by piece, with any method', async (t) => {
    const received: string[] = [];
    const { transport } = await connect(t, async (connection) => {
      for (;;) {
        const text = await connection.take(isWhole);
        if (text === '') return;
        received.push(text);
        connection.send(OK);
      }
    });
    const bodies = [['hello', ', ', 'chunks'], ['a'.repeat(20_000), 'b'], ['x'.repeat(300), ''], ['']];
    for (const method of ['POST', 'DELETE', 'GET']) {
      for (const pieces of bodies) {
        const told = ask(transport, { method, bodyLength: -1 });
        await turns(2);
        for (const piece of pieces) {
          told.call?.sendBody(Buffer.from(piece), false);
          await turns(2);
        }
        told.call?.sendBody(Buffer.alloc(0), true);
        await told.settled;
        t.match(told, { outcome: 'end', faults: [] });
        const text = received.at(-1) ?? '';
        if (pieces.join('') !== '') t.match(text, /^transfer-encoding: chunked\r$/im, method);
        t.notMatch(text, /^content-length: [^0]/im);
        t.ok(sentBody(text) === pieces.join(''), `${method} with ${pieces.length} pieces`);
      }
    }
  });

  t.test('a body of unknown length that is there at once reaches the upstream whole', async (t) => {
    const received: string[] = [];
    const { transport, upstream } = await connect(t, async (connection) => {
      for (;;) {
        const text = await connection.take(isWhole);
        if (text === '') return;
        received.push(text);
        connection.send(OK);
      }
    });
    for (const pieces of [['hello', ', ', 'chunks'], ['last'], ['']]) {
      const told = ask(transport, { method: 'POST', bodyLength: -1 });
      pieces.forEach((piece, index) => told.call?.sendBody(Buffer.from(piece), index === pieces.length - 1));
      await told.settled;
      t.match(told, { outcome: 'end', faults: [] });
      t.equal(sentBody(received.at(-1) ?? ''), pieces.join(''));
    }
    t.equal(upstream.connections.length, 1);
  });

  t.test('a body goes no faster than the upstream reads: sendBody says stop, onBodyWanted says go', async (t) => {
    const CHUNK = Buffer.alloc(64 * 1024, 'x');
    const CHUNK_COUNT = 500;
    let received = 0;
    let read: () => void = () => {};
    const mayRead = new Promise<void>((resolve) => {
      read = resolve;
    });
    const { transport } = await connect(t, async ({ socket }) => {
      socket.removeAllListeners('data');
      socket.pause();
      await mayRead;
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received >= CHUNK.length * CHUNK_COUNT) socket.write(OK);
      });
      socket.resume();
    });
    const length = String(CHUNK.length * CHUNK_COUNT);
    const told = ask(transport, {
      method: 'PUT',
      headers: ['host', 'a', 'content-length', length],
      bodyLength: Number(length),
    });
    let sent = 0;
    let isStopped = false;
    const send = (): void => {
      isStopped = false;
      while (!isStopped && sent < CHUNK_COUNT) {
        sent++;
        isStopped = told.call?.sendBody(CHUNK, sent === CHUNK_COUNT) === false;
      }
    };
    told.onWanted = () => {
      if (isStopped) send();
    };
    send();
    t.ok(isStopped, 'it says stop before the upstream has read');
    await turns(200);
    // Between us lie the buffers of two sockets, some MiB.
    t.ok(isStopped && sent < CHUNK_COUNT / 2, `${sent} chunks are under way`);
    read();
    await told.settled;
    t.match(told, { outcome: 'end', faults: [] });
    t.equal(sent, CHUNK_COUNT);
  });
}

function lengthOf(text: string): number {
  return Number(/^content-length: (\d+)\r$/im.exec(text)?.[1] ?? -1);
}

function bodyOf(text: string): string {
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? '' : text.slice(end + 4);
}

/** Head and body, however that is framed; without framing there is none. */
function isWhole(text: string): boolean {
  if (!text.includes('\r\n\r\n')) return false;
  if (isChunked(text)) return text.endsWith('\r\n0\r\n\r\n');
  return bodyOf(text).length >= lengthOf(text);
}

function isChunked(text: string): boolean {
  return /^transfer-encoding: chunked\r$/im.test(text.slice(0, text.indexOf('\r\n\r\n') + 1));
}

function sentBody(text: string): string {
  let rest = bodyOf(text);
  if (!isChunked(text)) return rest;
  let body = '';
  for (;;) {
    const size = Number.parseInt(rest, 16) || 0;
    if (size === 0) return body;
    const at = rest.indexOf('\r\n') + 2;
    body += rest.slice(at, at + size);
    rest = rest.slice(at + size + 2);
  }
}
