// Messages over a Unix socket: four bytes of length (big-endian), then MessagePack. What the other side says is bounded, and
// never trusted to be a message: it may be any program that found the socket.

import type { Socket } from 'node:net';
import { pack, Unpackr } from 'msgpackr';

/** A message: its type, and whatever else; what a side does not know, it ignores. */
export type Message = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface LinkEvents {
  onMessage(message: Message): void;
  /** Nothing comes after this. @param problem  why this side closed it; undefined when the other one did */
  onEnd(problem: string | undefined): void;
}

const LENGTH_BYTES = 4;
// A greeting has some hundred bytes; whoever sends more is not one of us.
const GREETING_BYTES_MAX = 64 * 1_024;
// 131,072 slots of 16 bytes are 2 MiB, 16,384 limits of some 250 bytes 4 MiB.
const MESSAGE_BYTES_MAX = 64 * 1_024 ** 2;

// Plain data only: no structures that a message could define for the next one.
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

export class MessageLink {
  readonly #socket: Socket;
  readonly #events: LinkEvents;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #bytesMax = GREETING_BYTES_MAX;
  #ended = false;

  constructor(socket: Socket, events: LinkEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // An error is followed by 'close'.
    socket.on('error', () => {});
    socket.on('close', () => this.#end(undefined));
  }

  /** The other side has said who it is: from now on it may send a whole state. */
  trust(): void {
    this.#bytesMax = MESSAGE_BYTES_MAX;
  }

  send(message: Message): void {
    if (this.#ended) return;
    const body = pack(message);
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt32BE(body.length);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(body);
    this.#socket.uncork();
  }

  /** What was sent before still goes out. */
  close(problem?: string): void {
    this.#end(problem);
    this.#socket.end();
    this.#socket.resume();
  }

  #end(problem: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunks = [];
    this.#events.onEnd(problem);
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (!this.#ended && this.#buffered >= LENGTH_BYTES) {
      if ((this.#chunks[0] as Buffer).length < LENGTH_BYTES) this.#chunks = [Buffer.concat(this.#chunks)];
      const length = (this.#chunks[0] as Buffer).readUInt32BE();
      if (length > this.#bytesMax) return this.#refuse(`a message of ${length} bytes`);
      if (this.#buffered < LENGTH_BYTES + length) return;
      // Once per message: it may be in a hundred pieces.
      const whole = Buffer.concat(this.#chunks);
      const body = whole.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      const rest = whole.subarray(LENGTH_BYTES + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#buffered = rest.length;
      const message = readMessage(body);
      if (message === undefined) return this.#refuse('something that is no message');
      try {
        this.#events.onMessage(message);
      } catch (error) {
        return this.#refuse(`a message that cannot be used: ${String(error)}`);
      }
    }
  }

  #refuse(what: string): void {
    this.#end(`it sent ${what}`);
    this.#socket.destroy();
  }
}

function readMessage(body: Buffer): Message | undefined {
  try {
    const value: unknown = unpackr.unpack(body);
    if (typeof value !== 'object' || value === null) return undefined;
    return typeof (value as { type?: unknown }).type === 'string' ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}
