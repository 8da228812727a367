// A client's WebSocket over uWebSockets.js, and what that cannot do:
// - A client cannot be paused: whoever takes its messages bounds them.
// - What is longer than `maxPayloadLength` breaks the connection off without a close frame. It gets twice what is allowed,
//   so that what is somewhat too long is answered with 1009.
// - A client's close codes 1012 to 1014 and 3000 to 3999 are taken for errors: the code and its reason are lost.
// - end() is the last that can be said: a client that never closes its side keeps the connection, though nothing waits.

import type { HttpResponse, us_socket_context_t, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import type { HeaderList } from '../../pipeline/exchange.ts';
import {
  CLOSED_WITHOUT_CODE,
  CLOSED_WITHOUT_FRAME,
  type MessageSocket,
  type SocketListener,
} from '../../websocket/message-socket.ts';

interface UserData {
  readonly socket: UwsSocket;
}
export type UwsWebSocket = WebSocket<UserData>;
export type UwsUpgrade = NonNullable<WebSocketBehavior<UserData>['upgrade']>;

const MESSAGE_TOO_BIG = 1009;
const DROPPED = 2;
const NO_BYTES = Buffer.alloc(0);
const KIB = 1_024;

// What uWebSockets.js tells of a connection that it closed by itself.
const TOO_BIG = 'Received too big message';
const ODD_CODE = 'Received invalid close payload';

export class UwsSocket implements MessageSocket {
  readonly #listener: SocketListener;
  readonly #messageBytesMax: number;
  readonly #onEnd: () => void;
  #ws: UwsWebSocket | undefined;
  /** The close frame that goes out when what waits is gone. */
  #last: { readonly code: number; readonly reason: Uint8Array } | undefined;

  /** @param onEnd  the connection is no longer this app's */
  constructor(listener: SocketListener, messageBytesMax: number, onEnd: () => void) {
    this.#listener = listener;
    this.#messageBytesMax = messageBytesMax;
    this.#onEnd = onEnd;
  }

  get waitingBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  send(message: Uint8Array, isBinary: boolean): void {
    if (this.#last !== undefined) return;
    // Pongs that nobody reads have filled its space: a message must not be missing among others.
    if (this.#ws?.send(message, isBinary, false) === DROPPED) this.cut();
  }

  ping(payload: Uint8Array): void {
    if (this.#last === undefined) this.#ws?.ping(payload);
  }

  pause(): boolean {
    return false;
  }

  resume(): void {}

  close(code: number, reason: Uint8Array): void {
    if (this.#ws === undefined || this.#last !== undefined) return;
    this.#last = { code, reason };
    this.#endWhenSent();
  }

  cut(): void {
    this.#ws?.close();
  }

  // From the app.

  onOpen(ws: UwsWebSocket): void {
    this.#ws = ws;
  }

  onMessage(bytes: ArrayBuffer, isBinary: boolean): void {
    if (this.#last !== undefined) return;
    if (bytes.byteLength > this.#messageBytesMax) return this.close(MESSAGE_TOO_BIG, NO_BYTES);
    this.#listener.onMessage(copyOf(bytes), isBinary);
  }

  onPing(bytes: ArrayBuffer): void {
    this.#listener.onPing(copyOf(bytes));
  }

  onDrain(): void {
    if (this.#last === undefined) this.#listener.onDrain();
    else this.#endWhenSent();
  }

  onClose(code: number, bytes: ArrayBuffer): void {
    this.#ws = undefined;
    this.#onEnd();
    const reason = copyOf(bytes);
    if (code !== CLOSED_WITHOUT_FRAME) return this.#listener.onClose(code === 0 ? CLOSED_WITHOUT_CODE : code, reason);
    switch (reason.toString()) {
      case TOO_BIG:
        return this.#listener.onClose(MESSAGE_TOO_BIG, NO_BYTES);
      case ODD_CODE:
        return this.#listener.onClose(CLOSED_WITHOUT_CODE, NO_BYTES);
      default:
        return this.#listener.onClose(CLOSED_WITHOUT_FRAME, NO_BYTES);
    }
  }

  // Once end() was called the connection is out of reach: what waits must not hang on a client that never reads.
  #endWhenSent(): void {
    const { code, reason } = this.#last ?? { code: CLOSED_WITHOUT_CODE, reason: NO_BYTES };
    if (this.#ws !== undefined && this.#ws.getBufferedAmount() === 0) this.#ws.end(code, reason);
  }
}

/** How an app's WebSockets find their UwsSocket. */
export function socketBehavior(messageBytesMax: number, upgrade: UwsUpgrade): WebSocketBehavior<UserData> {
  return {
    upgrade,
    maxPayloadLength: 2 * messageBytesMax,
    // A message that the upstream sent while it was being paused, a read beside it, and pongs.
    maxBackpressure: messageBytesMax + 256 * KIB,
    // Deadlines are the exchange's.
    idleTimeout: 0,
    sendPingsAutomatically: false,
    open: (ws) => ws.getUserData().socket.onOpen(ws),
    message: (ws, bytes, isBinary) => ws.getUserData().socket.onMessage(bytes, isBinary),
    ping: (ws, bytes) => ws.getUserData().socket.onPing(bytes),
    drain: (ws) => ws.getUserData().socket.onDrain(),
    close: (ws, code, bytes) => ws.getUserData().socket.onClose(code, bytes),
  };
}

/** Send the 101. @param key  the client's Sec-WebSocket-Key @param protocol  '' for none */
export function sendSwitch(
  res: HttpResponse,
  socket: UwsSocket,
  context: us_socket_context_t,
  headers: HeaderList,
  key: string,
  protocol: string,
): void {
  res.cork(() => {
    res.writeStatus('101 Switching Protocols');
    for (let i = 0; i < headers.length; i += 2) {
      // Strings are written as UTF-8; values are latin1, byte for byte.
      res.writeHeader(headers[i] as string, Buffer.from(headers[i + 1] as string, 'latin1'));
    }
    // No extensions: compression is declined (ws-socket.ts).
    res.upgrade<UserData>({ socket }, key, protocol, '', context);
  });
}

/** The addon takes its buffer back when the handler returns. */
function copyOf(bytes: ArrayBuffer): Buffer {
  return Buffer.from(new Uint8Array(bytes));
}
