// An HTTP/2 upstream of raw frames (RFC 9113 §4.1, §6): each stream is answered with what the test says.

import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { tlsText } from './tls-files.ts';

const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;
const TYPE = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
// ':status: 200', as HPACK's static table has it.
const STATUS_200 = Buffer.from([0x88]);

export interface RawHttp2Upstream {
  readonly origin: string;
  close(): Promise<void>;
}

/** The head of an answer 200 and the first piece of its body. */
export function beginning(stream: number, body: string): Buffer {
  return Buffer.concat([
    frame(TYPE.HEADERS, END_HEADERS, stream, STATUS_200),
    frame(TYPE.DATA, 0, stream, Buffer.from(body)),
  ]);
}

export function ending(stream: number): Buffer {
  return frame(TYPE.DATA, END_STREAM, stream);
}

export function reset(stream: number, code: number): Buffer {
  return frame(TYPE.RST_STREAM, 0, stream, Buffer.from([0, 0, 0, code]));
}

/** @param onStream  a request's head has come on this stream */
export async function startRawHttp2Upstream(
  onStream: (stream: number, socket: TLSSocket) => void,
): Promise<RawHttp2Upstream> {
  const sockets = new Set<TLSSocket>();
  const tls = { cert: tlsText('server.crt'), key: tlsText('server.key'), ALPNProtocols: ['h2'] };
  const server = createServer(tls, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.write(frame(TYPE.SETTINGS, 0, 0));
    readFrames(socket, (type, flags, stream) => {
      if (type === TYPE.SETTINGS && (flags & ACK) === 0) socket.write(frame(TYPE.SETTINGS, ACK, 0));
      if (type === TYPE.HEADERS) onStream(stream, socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function readFrames(socket: TLSSocket, onFrame: (type: number, flags: number, stream: number) => void): void {
  let left = PREFACE_BYTES;
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const skipped = Math.min(left, bytes.length);
      bytes = bytes.subarray(skipped);
      left -= skipped;
      if (left > 0 || bytes.length < HEAD_BYTES) return;
      left = HEAD_BYTES + bytes.readUIntBE(0, 3);
      onFrame(bytes.readUInt8(3), bytes.readUInt8(4), bytes.readUInt32BE(5));
    }
  });
}

function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
