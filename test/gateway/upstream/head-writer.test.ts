import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { HeadWriter } from '../../../src/gateway/upstream/transports/wire/head-writer.ts';
import { type RawConnection, RawUpstream } from '../../support/raw-upstream.ts';

async function pair(t: Test): Promise<{ readonly socket: Socket; readonly other: RawConnection }> {
  const upstream = await RawUpstream.listen(() => {});
  const socket = connect(upstream.port, '127.0.0.1');
  await once(socket, 'connect');
  while (upstream.connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.teardown(async () => {
    socket.destroy();
    await upstream.close();
  });
  return { socket, other: upstream.connections[0] as RawConnection };
}

t.test('heads arrive in order and in latin1, the first through the stream and the others past it', async (t) => {
  const { socket, other } = await pair(t);
  const writer = new HeadWriter(socket, true);
  let streamed = 0;
  const write = socket.write.bind(socket);
  socket.write = (...args: unknown[]) => {
    streamed++;
    return write(...(args as Parameters<typeof write>));
  };
  const heads = Array.from({ length: 100 }, (_, i) => `GET /${i} \xe9\xff\r\n\r\n`);
  for (const head of heads) writer.write(head);
  t.equal(await other.take((text) => text.length >= heads.join('').length), heads.join(''));
  t.equal(streamed, 1);
});

t.test(
  'what the system does not take at once arrives all the same, in order with what the stream writes',
  async (t) => {
    const { socket, other } = await pair(t);
    const writer = new HeadWriter(socket, true);
    other.socket.pause();
    const heads = Array.from({ length: 200 }, (_, i) => String(i % 10).repeat(40_000));
    heads.forEach((head, i) => {
      if (i % 50 === 49) socket.write(head, 'latin1');
      else writer.write(head);
    });
    other.socket.resume();
    const received = await other.take((text) => text.length >= 8_000_000);
    t.ok(received === heads.join(''));
  },
);

t.test('where the handle is another than it is known to be, or carries TLS, the stream writes', async (t) => {
  for (const isPlain of [true, false]) {
    const { socket, other } = await pair(t);
    if (isPlain)
      Object.defineProperty((socket as unknown as { _handle: object })._handle, 'writeQueueSize', { value: undefined });
    const writer = new HeadWriter(socket, isPlain);
    writer.write('one ');
    writer.write('two');
    t.equal(await other.take((text) => text.length >= 7), 'one two');
  }
});

t.test('a connection that is broken is destroyed, and nothing is thrown', async (t) => {
  const { socket, other } = await pair(t);
  const writer = new HeadWriter(socket, true);
  writer.write('first');
  await other.take((text) => text === 'first');
  socket.on('error', () => {});
  other.reset();
  await other.closed;
  for (let i = 0; i < 3; i++) writer.write('lost');
  if (!socket.destroyed) await once(socket, 'close');
  t.ok(socket.destroyed);
  writer.write('after the end');
});
