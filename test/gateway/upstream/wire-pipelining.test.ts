// Several requests under way on one connection, where the target allows it.

import t, { type Test } from 'tap';
import type { TransportOptions } from '../../../src/gateway/upstream/transports/transport.ts';
import { WireTransport } from '../../../src/gateway/upstream/transports/wire/wire-transport.ts';
import { type RawConnection, RawUpstream, turns } from '../../support/raw-upstream.ts';
import { transportOptions } from '../../support/transport-options.ts';
import { ask, askAndWait, type ToldAnswer } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';

const REPEATABLE = { isRepeatable: true };

async function connect(
  t: Test,
  serve: (connection: RawConnection, index: number) => Promise<void> | void,
  options: Partial<TransportOptions> = {},
): Promise<{ readonly upstream: RawUpstream; readonly transport: WireTransport }> {
  const upstream = await RawUpstream.listen(serve);
  const transport = new WireTransport(transportOptions({ origin: upstream.origin, pipelining: 4, ...options }));
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  return { upstream, transport };
}

function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function pathsIn(received: string): readonly string[] {
  return [...received.matchAll(/^GET (\S+) /gm)].map((match) => match[1] as string);
}

/** Takes one request with an answer, so that the connection is proved; then so many at once. */
async function proved(connection: RawConnection, count: number): Promise<readonly string[]> {
  await connection.take();
  connection.send(answerOf('first'));
  return pathsIn(await connection.take((text) => pathsIn(text).length >= count));
}

function askMany(transport: WireTransport, count: number): readonly ToldAnswer[] {
  return Array.from({ length: count }, (_, i) => ask(transport, { path: `/${i}`, ...REPEATABLE }));
}

const settledOf = (told: readonly ToldAnswer[]): Promise<unknown> => Promise.all(told.map(({ settled }) => settled));

t.test('requests of one turn go down one connection in one piece, and get their own answers in order', async (t) => {
  const { transport, upstream } = await connect(t, async (connection) => {
    const paths = await proved(connection, 4);
    // Answers in one segment, cut within a head and within a body.
    const bytes = paths.map(answerOf).join('');
    await connection.sendInPieces([bytes.slice(0, 50), bytes.slice(50, 95), bytes.slice(95)]);
    return serveForever(connection);
  });
  await askAndWait(transport, REPEATABLE);
  const told = askMany(transport, 4);
  await settledOf(told);
  t.same(
    told.map(({ body, faults }) => [body, faults]),
    ['/0', '/1', '/2', '/3'].map((path) => [path, []]),
  );
  t.equal(upstream.connections.length, 1);
});

t.test('no more are under way on a connection than were allowed; the others wait', async (t) => {
  const seen: number[] = [];
  const { transport, upstream } = await connect(t, async (connection) => {
    await connection.take();
    connection.send(answerOf('first'));
    for (;;) {
      const received = await connection.take();
      if (received === '') return;
      await turns(5);
      const paths = [...pathsIn(received), ...pathsIn(connection.received)];
      seen.push(paths.length);
      connection.send(paths.map(answerOf).join(''));
      if (connection.received !== '') await connection.take();
    }
  });
  await askAndWait(transport, REPEATABLE);
  const told = askMany(transport, 8);
  await settledOf(told);
  t.same(
    told.map(({ body }) => body),
    Array.from({ length: 8 }, (_, i) => `/${i}`),
  );
  t.equal(Math.max(...seen), 4);
  t.equal(upstream.connections.length, 1);
});

t.test('a new connection gets a second request only once it has answered the first', async (t) => {
  const heads: number[] = [];
  const { transport } = await connect(
    t,
    async (connection) => {
      const first = await connection.take();
      await turns(10);
      heads.push(pathsIn(first).length + pathsIn(connection.received).length);
      connection.send(answerOf('fine'));
      return serveForever(connection);
    },
    { connectionsMax: 2 },
  );
  await settledOf(askMany(transport, 4));
  t.same(heads, [1, 1]);
});

t.test('a request that must not be repeated, or has a body, never shares a connection', async (t) => {
  const { transport, upstream } = await connect(t, serveForever, { connectionsMax: 4 });
  await askAndWait(transport, REPEATABLE);
  const alone = [ask(transport, { method: 'POST' }), ask(transport, { method: 'POST' }), ask(transport, REPEATABLE)];
  await settledOf(alone);
  t.ok(alone.every(({ outcome }) => outcome === 'end'));
  t.equal(upstream.connections.length, 3);
});

t.test('when the connection ends behind an answer, those behind it may be sent again', async (t) => {
  for (const how of ['Connection: close', 'the end', 'a broken answer'] as const) {
    const { transport } = await connect(t, async (connection, index) => {
      if (index > 0) return serveForever(connection);
      await proved(connection, 3);
      if (how === 'Connection: close') {
        connection.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n0');
      } else {
        connection.send(answerOf('0'));
        if (how === 'the end') connection.end();
        else connection.send('nonsense\r\n\r\n');
      }
    });
    await askAndWait(transport, REPEATABLE);
    const told = askMany(transport, 3);
    await settledOf(told);
    t.match(told[0], { outcome: 'end', body: '0', faults: [] }, how);
    t.match(told[1], { outcome: how === 'a broken answer' ? 'invalid' : 'reset', status: 0, faults: [] }, how);
    t.match(told[2], { outcome: 'reset', status: 0, faults: [] }, how);
    t.match(await askAndWait(transport, REPEATABLE), { outcome: 'end', body: 'fine' });
  }
});

t.test('one that is cancelled costs its neighbours nothing: its answer is read and dropped', async (t) => {
  for (const cancelled of [0, 1, 2]) {
    const { transport, upstream } = await connect(t, async (connection) => {
      const paths = await proved(connection, 3);
      await turns(10);
      await connection.sendInPieces(paths.map(answerOf));
      return serveForever(connection);
    });
    await askAndWait(transport, REPEATABLE);
    const told = askMany(transport, 3);
    await turns(3);
    told[cancelled]?.cancel();
    await settledOf(told.filter((_, i) => i !== cancelled));
    told.forEach((one, i) => {
      if (i === cancelled) t.match(one, { outcome: '', status: 0, faults: [] });
      else t.match(one, { outcome: 'end', body: `/${i}`, faults: [] });
    });
    t.match(await askAndWait(transport, REPEATABLE), { outcome: 'end', body: 'fine' });
    t.equal(upstream.connections.length, 1);
  }
});

t.test('a pause stops the answer it is meant for, and the next begins when that is over', async (t) => {
  const LONG = 'y'.repeat(2 * 1024 * 1024);
  const { transport } = await connect(t, async (connection) => {
    await proved(connection, 2);
    connection.send(answerOf(LONG) + answerOf('second'));
  });
  await askAndWait(transport, REPEATABLE);
  const [long, second] = askMany(transport, 2) as [ToldAnswer, ToldAnswer];
  second.call?.pause();
  long.onHeadTold = () => long.call?.pause();
  while (long.status === 0) await turns(1);
  await turns(50);
  t.ok(long.byteCount < LONG.length);
  t.equal(second.status, 0);
  long.call?.resume();
  await long.settled;
  t.equal(long.byteCount, LONG.length);
  second.call?.resume();
  await second.settled;
  t.match(second, { outcome: 'end', body: 'second', faults: [] });
});
