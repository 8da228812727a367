import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'msgpackr';
import t, { type Test } from 'tap';
import { type Message, MessageLink } from '../../../src/control/takeover/message-link.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-link-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** A link, and the bare socket at its other end. */
async function rig(t: Test, onMessage: (message: Message) => void = () => {}) {
  const server = createServer();
  const path = join(folder, `${t.name.length}.sock`);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const other = connect(path);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const messages: Message[] = [];
  let onEnd: (problem: string | undefined) => void = () => {};
  const ended = new Promise<string | undefined>((resolve) => {
    onEnd = resolve;
  });
  const link = new MessageLink(socket, {
    onMessage(message) {
      messages.push(message);
      onMessage(message);
    },
    onEnd,
  });
  other.on('error', () => {});
  t.teardown(() => {
    other.destroy();
    server.close();
  });
  return { link, other, messages, ended };
}

function framed(value: unknown): Buffer {
  const body = pack(value);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

t.test('messages come whole, however their bytes are split', async (t) => {
  const { other, messages, ended } = await rig(t);
  const bytes = Buffer.concat([framed({ type: 'a', n: 1 }), framed({ type: 'b', list: [1, 2] })]);
  for (const byte of bytes) other.write(Buffer.of(byte));
  other.end();
  t.equal(await ended, undefined);
  t.same(messages, [
    { type: 'a', n: 1 },
    { type: 'b', list: [1, 2] },
  ]);
});

for (const [what, bytes, problem] of [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /a message of 1195725856 bytes/],
  ['bytes that are no MessagePack', Buffer.from([0, 0, 0, 2, 0xc1, 0xc1]), /something that is no message/],
  ['a value without a type', framed([1]), /something that is no message/],
  ['a message that its reader cannot use', framed({ type: 'bad' }), /cannot be used: Error: no/],
] as const) {
  t.test(`${what}: the link is cut`, async (t) => {
    const { other, ended } = await rig(t, () => {
      throw new Error('no');
    });
    other.write(bytes);
    t.match(await ended, problem);
    await once(other, 'close');
  });
}

t.test('a state of some megabytes passes once the other side is trusted, and not before', async (t) => {
  const large = framed({ type: 'state', slots: new Uint8Array(2_000_000) });
  const strange = await rig(t);
  strange.other.write(large);
  t.match(await strange.ended, /a message of 2000/);
});

t.test('once trusted, it does', async (t) => {
  const { link, other, messages, ended } = await rig(t);
  link.trust();
  other.end(framed({ type: 'state', slots: new Uint8Array(2_000_000) }));
  t.equal(await ended, undefined);
  const [state] = messages as readonly { readonly slots?: Uint8Array }[];
  t.equal(state?.slots?.byteLength, 2_000_000);
});

t.test('what is said before close() still goes out', async (t) => {
  const { link, other } = await rig(t);
  const chunks: Buffer[] = [];
  other.on('data', (chunk: Buffer) => chunks.push(chunk));
  link.send({ type: 'refuse', why: 'because' });
  link.close('because');
  await once(other, 'close');
  t.same(Buffer.concat(chunks), framed({ type: 'refuse', why: 'because' }));
});
