import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type SlowEnd, type SlowKind, startSlowConnection } from '../../loadtest/scenarios/slow-connections.ts';

const HEAD_END = '\r\n\r\n';
const SLOW_MS = 200;
// Never waited for, but by what never ends.
const END_MS = 60_000;

/** How one slow connection ends with a server that does this. */
async function endWith(
  t: Test,
  kind: SlowKind,
  onData: (socket: Socket, received: string) => void,
  endMs = END_MS,
): Promise<SlowEnd> {
  const server = createServer((socket) => {
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      onData(socket, received);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/path?query`;
  return startSlowConnection({ kind, url, headers: { 'x-load': 'test' }, slowMs: SLOW_MS, endMs }).ended;
}

t.test('a head and a body that come in pieces are whole in the end, and the answer is seen', async (t) => {
  for (const kind of ['head', 'body'] as const) {
    let pieceCount = 0;
    let request = '';
    const end = await endWith(t, kind, (socket, received) => {
      pieceCount++;
      request = received;
      const isWhole = received.includes(HEAD_END) && (kind === 'head' || received.endsWith('x'.repeat(2_000)));
      if (isWhole) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
    t.equal(end, 'served', kind);
    t.ok(pieceCount > 1);
    t.match(
      request,
      /^(GET|POST) \/path\?query HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nconnection: close\r\nx-load: test\r\n/,
    );
  }
});

t.test('a server that closes or refuses has cut it', async (t) => {
  t.equal(await endWith(t, 'head', (socket) => void socket.destroy()), 'cut');
  t.equal(await endWith(t, 'body', (socket) => void socket.end('HTTP/1.1 408 Request Timeout\r\n\r\n')), 'cut');
});

t.test('a server that neither answers nor closes leaves it open', async (t) => {
  t.equal(await endWith(t, 'head', () => {}, SLOW_MS), 'open');
  t.equal(await endWith(t, 'reader', () => {}, SLOW_MS), 'open');
});

t.test('a reader that is given more than it takes leaves when it has enough', async (t) => {
  const end = await endWith(t, 'reader', (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${2 ** 30}${HEAD_END}`);
    socket.write(Buffer.alloc(64 * 2 ** 20));
  });
  t.equal(end, 'left');
});
