// A MessageSocket over the package ws: clients of the node engine, and every upstream. Pings are answered by the package.

import { WebSocket } from 'ws';
import {
  CLOSED_WITHOUT_CODE,
  CLOSED_WITHOUT_FRAME,
  type MessageSocket,
  type SocketListener,
} from './message-socket.ts';

// What a peer that was told to close has for its answer before it is cut.
const CLOSE_TIMEOUT_MS = 5_000;
const MESSAGE_TOO_BIG = 1009;
const NO_BYTES = Buffer.alloc(0);

/**
 * Options of every WebSocket here.
 *
 * Compression is declined: a window per connection and direction costs 32 KiB and more, each message would be inflated
 * and deflated again, and a small message can inflate to a large one.
 */
export function socketOptions(messageBytesMax: number) {
  return { perMessageDeflate: false, maxPayload: messageBytesMax, closeTimeout: CLOSE_TIMEOUT_MS };
}

export class WsSocket implements MessageSocket {
  readonly #ws: WebSocket;
  readonly #onSent: () => void;
  /** What the peer did wrong, as a close code; 0: nothing. */
  #violation = 0;
  #ended = false;

  constructor(ws: WebSocket, listener: SocketListener) {
    this.#ws = ws;
    this.#onSent = () => {
      if (!this.#ended) listener.onDrain();
    };
    ws.on('message', (message: Buffer, isBinary) => listener.onMessage(message, isBinary));
    ws.on('ping', (payload: Buffer) => listener.onPing(payload));
    ws.on('error', (error: Error & { code?: string }) => {
      // The package closes by itself, with the code that fits.
      this.#violation = error.code === TOO_BIG ? MESSAGE_TOO_BIG : CLOSED_WITHOUT_FRAME;
    });
    ws.on('close', (code: number, reason: Buffer) => {
      this.#ended = true;
      if (this.#violation === 0) listener.onClose(code, reason);
      else listener.onClose(this.#violation, NO_BYTES);
    });
  }

  get waitingBytes(): number {
    return this.#ws.bufferedAmount;
  }

  send(message: Uint8Array, isBinary: boolean): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(message, { binary: isBinary }, this.#onSent);
  }

  ping(payload: Uint8Array): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping(payload);
  }

  pause(): boolean {
    this.#ws.pause();
    return true;
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code: number, reason: Uint8Array): void {
    // Paused, it would never see the peer's answer.
    this.#ws.resume();
    if (code === CLOSED_WITHOUT_CODE || !isSendable(code)) this.#ws.close();
    else this.#ws.close(code, Buffer.from(reason));
  }

  cut(): void {
    this.#ws.terminate();
  }
}

const TOO_BIG = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

/** RFC 6455 §7.4 and what IANA has registered since. */
function isSendable(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
