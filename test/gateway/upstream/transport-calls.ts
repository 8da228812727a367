// The contract's part about a call under way: pause, cancel, and how many there may be.

import type { Test } from 'tap';
import { type RawConnection, turns } from '../../support/raw-upstream.ts';
import { ask, askAndWait, headOf, type ToldAnswer } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect } from './transport-contract.ts';

const MANY_BYTES = 16 * 1024 * 1024;

export function testCalls(t: Test, connect: Connect): void {
  for (const when of ['in the head', 'in the first chunk', 'from outside'] as const) {
    t.test(`a pause ${when} stops the answer, and the upstream with it, until it is resumed`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection) => {
        await connection.take();
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${MANY_BYTES}\r\n\r\n`);
        connection.send(Buffer.alloc(MANY_BYTES, 'y'));
      });
      const told = ask(transport);
      if (when === 'in the head') told.onHeadTold = () => told.call?.pause();
      if (when === 'in the first chunk') told.onChunkTold = () => told.call?.pause();
      await atLeast(told, when === 'in the head' ? 0 : 1);
      told.call?.pause();
      const paused = told.chunks.length;
      await turns(200);
      t.ok(told.chunks.length <= paused + 1, 'at most one chunk was under way');
      const [{ socket }] = upstream.connections as [RawConnection];
      t.ok(socket.writableLength > 0, 'the upstream has to wait');
      told.onChunkTold = () => {};
      told.call?.resume();
      await told.settled;
      t.match(told, { outcome: 'end', faults: [] });
      t.equal(told.byteCount, MANY_BYTES);
    });
  }

  t.test('an answer is paused and resumed at every chunk without losing a byte', async (t) => {
    const { transport } = await connect(t, async (connection) => {
      await connection.take();
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let i = 0; i < 200; i++) connection.send(`4\r\n${String(i).padStart(4)}\r\n`);
      connection.send('0\r\n\r\n');
    });
    const told = ask(transport);
    told.onChunkTold = () => {
      told.call?.pause();
      if (told.chunks.length % 2 === 0) told.call?.resume();
      else setImmediate(() => told.call?.resume());
    };
    await told.settled;
    t.match(told, { outcome: 'end', faults: [] });
    t.equal(told.body, Array.from({ length: 200 }, (_, i) => String(i).padStart(4)).join(''));
  });

  testCancel(t, connect);

  t.test(
    'more requests than the transport may hold are busy; the others get their answers, and then there is room',
    async (t) => {
      const { transport } = await connect(t, serveForever, { connectionsMax: 2 });
      const told: ToldAnswer[] = [];
      while (told.at(-1)?.outcome !== 'busy' && told.length < 1_000) told.push(ask(transport));
      const refused = told.pop();
      t.match(refused, { outcome: 'busy', status: 0, faults: [] });
      t.ok(told.length >= 2, 'each connection has one at least');
      t.equal(ask(transport).outcome, 'busy', 'and again');
      await Promise.all(told.map(({ settled }) => settled));
      for (const one of told) t.match(one, { outcome: 'end', body: 'fine', faults: [] });
      t.equal((await askAndWait(transport)).outcome, 'end');
    },
  );

  t.test('no more connections are opened than were allowed', async (t) => {
    const { transport, upstream } = await connect(t, serveForever, { connectionsMax: 3 });
    for (let round = 0; round < 5; round++) {
      const told = Array.from({ length: 9 }, () => ask(transport));
      await Promise.all(told.map(({ settled }) => settled));
      t.ok(told.every(({ outcome }) => outcome === 'end'));
    }
    t.ok(upstream.connections.length <= 3);
  });

  t.test('close() lets what is under way end, and the connections with it', async (t) => {
    let answer: () => void = () => {};
    const { transport, upstream } = await connect(t, async (connection) => {
      await connection.take();
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    });
    const told = ask(transport);
    await until(() => upstream.connections.length === 1);
    await turns(5);
    transport.close();
    await turns(5);
    t.equal(told.outcome, '');
    answer();
    await told.settled;
    t.match(told, { outcome: 'end', body: 'late', faults: [] });
    await upstream.connections[0]?.closed;
    const after = await askAndWait(transport);
    t.equal(after.status, 0);
    t.not(after.outcome, 'end', 'nothing goes through a closed transport');
  });

  t.test('destroy() ends everything now', async (t) => {
    const { transport, upstream } = await connect(t, async (connection) => {
      await connection.take();
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    });
    const told = ask(transport);
    await headOf(told);
    await transport.destroy();
    await told.settled;
    t.not(told.outcome, 'end');
    t.same(told.faults, []);
    await upstream.connections[0]?.closed;
  });
}

function testCancel(t: Test, connect: Connect): void {
  const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';
  /** Where the exchange stands when it is cancelled: what the upstream sends before, and what is waited for. */
  const points: Readonly<Record<string, { sends: string; reached(told: ToldAnswer): Promise<unknown> }>> = {
    'before an answer': { sends: '', reached: () => turns(1) },
    'after 1xx': { sends: 'HTTP/1.1 103 Early Hints\r\n\r\n', reached: () => turns(5) },
    'within the head': { sends: 'HTTP/1.1 200 OK\r\nContent-', reached: () => turns(5) },
    'after the head': { sends: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', reached: headOf },
    'within the body': { sends: HALF, reached: (told) => atLeast(told, 1) },
    'within a chunk': {
      sends: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf',
      reached: (told) => atLeast(told, 1),
    },
  };
  for (const [name, { sends, reached }] of Object.entries(points)) {
    t.test(`a cancel ${name} closes the connection, and nothing more is told`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index > 0) return serveForever(connection);
        await connection.take();
        connection.send(sends);
      });
      const told = ask(transport);
      await until(() => (upstream.connections[0]?.socket.bytesRead ?? 0) > 0);
      await reached(told);
      told.cancel();
      told.cancel();
      await upstream.connections[0]?.closed;
      t.match(await askAndWait(transport), { outcome: 'end', body: 'fine' });
      t.same(told.faults, []);
      t.equal(told.outcome, '');
    });
  }

  for (const where of ['the head', 'a chunk'] as const) {
    t.test(`a cancel in the midst of being told ${where} is the last that is heard`, async (t) => {
      const { transport, upstream } = await connect(t, async (connection, index) => {
        if (index > 0) return serveForever(connection);
        await connection.take();
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour');
      });
      const told = ask(transport);
      const cancelled = new Promise<void>((resolve) => {
        const cancel = (): void => {
          told.cancel();
          resolve();
        };
        if (where === 'the head') told.onHeadTold = cancel;
        else told.onChunkTold = cancel;
      });
      await cancelled;
      await upstream.connections[0]?.closed;
      t.equal((await askAndWait(transport)).body, 'fine');
      t.same(told.faults, []);
    });
  }

  t.test('a cancel of a paused answer closes the connection', async (t) => {
    const { transport, upstream } = await connect(t, async (connection) => {
      await connection.take();
      connection.send(HALF);
    });
    const told = ask(transport);
    await headOf(told);
    told.call?.pause();
    told.cancel();
    told.call?.resume();
    await upstream.connections[0]?.closed;
    t.same(told.faults, []);
  });

  t.test('a cancel within the body of a request closes the connection, and never ends that body', async (t) => {
    for (const bodyLength of [-1, 1_000]) {
      let received = '';
      const { transport } = await connect(t, async (connection) => {
        await connection.take((text) => text.includes('first'));
        received = await connection.take(() => false);
      });
      const headers = ['host', 'a', ...(bodyLength < 0 ? [] : ['content-length', String(bodyLength)])];
      const told = ask(transport, { method: 'POST', headers, bodyLength });
      told.call?.sendBody(Buffer.from('first'), false);
      await turns(20);
      told.cancel();
      t.equal(told.call?.sendBody(Buffer.from('second'), true), true);
      await turns(20);
      t.same(told.faults, []);
      t.notMatch(received, /second|\r\n0\r\n/);
    }
  });

  t.test('a request that is cancelled before it has a connection never reaches the upstream', async (t) => {
    const { transport, upstream } = await connect(t, async (connection) => {
      for (;;) {
        const head = await connection.take();
        if (head === '') return;
        t.match(head, /^GET \/wanted /);
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
      }
    });
    const early = ask(transport, { path: '/unwanted' });
    early.cancel();
    const first = ask(transport, { path: '/wanted' });
    const waiting = ask(transport, { path: '/unwanted' });
    const uploading = ask(transport, { path: '/unwanted', method: 'POST', bodyLength: -1 });
    uploading.call?.sendBody(Buffer.from('x'), false);
    const last = ask(transport, { path: '/wanted' });
    waiting.cancel();
    uploading.cancel();
    await Promise.all([first.settled, last.settled]);
    t.match([first, last], [{ outcome: 'end' }, { outcome: 'end' }]);
    t.same([...early.faults, ...waiting.faults, ...uploading.faults], []);
    t.equal(upstream.connections.length, 1, 'and costs no connection');
  });
}

function atLeast(told: ToldAnswer, chunkCount: number): Promise<void> {
  return until(() => told.status !== 0 && told.chunks.length >= chunkCount);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1);
}
