// The contract's part about requests that wait for a connection: in order, each told once, whatever becomes of the others.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import { turns } from '../../support/raw-upstream.ts';
import { ask, askAndWait, headOf } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect } from './transport-contract.ts';

export function testQueue(t: Test, connect: Connect): void {
  t.test('requests that wait for a connection are sent in the order they came, one at a time', async (t) => {
    const paths: string[] = [];
    const { transport, upstream } = await connect(t, async (connection) => {
      for (;;) {
        const head = await connection.take();
        if (head === '') return;
        t.equal(head.match(/HTTP\/1\.1\r\n/g)?.length, 1, 'none is sent before its turn');
        paths.push(/^GET (\S+)/.exec(head)?.[1] ?? '');
        await turns(2);
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${paths.at(-1)}`);
      }
    });
    const asked = ['/1', '/2', '/3', '/4'];
    const told = asked.map((path) => ask(transport, { path }));
    await Promise.all(told.map(({ settled }) => settled));
    t.same(paths, asked);
    t.same(
      told.map(({ body }) => body),
      asked,
    );
    t.equal(upstream.connections.length, 1);
  });

  t.test('a request is sent while another has its answer, when a second connection may be', async (t) => {
    const { transport, upstream } = await connect(
      t,
      async (connection) => {
        const head = await connection.take();
        if (head.startsWith('GET /slow')) connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl');
        else connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
      },
      { connectionsMax: 2 },
    );
    const slow = ask(transport, { path: '/slow' });
    await headOf(slow);
    t.match(await askAndWait(transport, { path: '/quick' }), { outcome: 'end', body: 'fine' });
    t.equal(slow.outcome, '');
    upstream.connections[0]?.send('ow');
    await slow.settled;
    t.match(slow, { outcome: 'end', body: 'slow', faults: [] });
  });

  for (const [how, bytes] of [
    ['is reset', ''],
    ['gets no HTTP', 'nonsense\r\n\r\n'],
    ['ends its connection', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  ] as const) {
    t.test(`a request that waits behind one that ${how} has a connection of its own`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index > 0) return serveForever(connection);
        await connection.take();
        if (bytes === '') connection.reset();
        else connection.send(bytes);
      });
      const first = ask(transport);
      const waiting = [ask(transport), ask(transport)];
      await Promise.all([first, ...waiting].map(({ settled }) => settled));
      t.not(first.body, 'fine');
      t.same(first.faults, []);
      for (const told of waiting) t.match(told, { outcome: 'end', body: 'fine', faults: [] });
      t.equal(upstream.connections.length, 2);
    });
  }

  t.test('where no connection can be made, every request that waits for one is unreachable', async (t) => {
    const { port } = await freePort();
    const { transport } = await connect(t, () => {}, { origin: `http://127.0.0.1:${port}` });
    const told = [0, 0, -1, 0].map((bodyLength) => ask(transport, { method: 'POST', bodyLength }));
    await Promise.all(told.map(({ settled }) => settled));
    for (const one of told) t.match(one, { outcome: 'unreachable', status: 0, faults: [] });
    t.match(await askAndWait(transport), { outcome: 'unreachable', faults: [] }, 'and so is the next');
  });

  t.test('an upstream that begins to listen is reached', async (t) => {
    const { port } = await freePort();
    const { transport } = await connect(t, () => {}, { origin: `http://127.0.0.1:${port}` });
    t.match(await askAndWait(transport), { outcome: 'unreachable' });
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhere'));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    t.teardown(() => new Promise((resolve) => server.close(resolve)));
    t.match(await askAndWait(transport), { outcome: 'end', body: 'here', faults: [] });
  });

  for (const how of ['close', 'destroy'] as const) {
    t.test(`${how}() ends what waits, too: each is told once`, async (t) => {
      const { transport } = await connect(t, async (connection) => {
        await connection.take();
        await turns(5);
        connection.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine');
      });
      const told = [ask(transport), ask(transport), ask(transport, { method: 'POST', bodyLength: -1 })];
      told.at(-1)?.call?.sendBody(Buffer.from('x'), true);
      await turns(3);
      void transport[how]();
      await Promise.all(told.map(({ settled }) => settled));
      await turns(20);
      for (const { faults } of told) t.same(faults, []);
      // What had begun when it was closed is let end.
      if (how === 'close') t.match(told[0], { outcome: 'end', body: 'fine' });
      else t.equal(told.filter(({ outcome }) => outcome === 'end').length, 0);
    });
  }
}

function freePort(): Promise<{ readonly port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve({ port }));
    });
  });
}
