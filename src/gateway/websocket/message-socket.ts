// One WebSocket connection as the gateway uses it: whole messages in and out, whoever frames them (uWebSockets.js or ws),
// to a client or to an upstream.

import type { HeaderList } from '../pipeline/exchange.ts';

/** Codes of RFC 6455 §7.4 that never travel in a close frame. */
export const CLOSED_WITHOUT_CODE = 1005;
export const CLOSED_WITHOUT_FRAME = 1006;

/** Never throws. Once its close was told it does nothing any more. */
export interface MessageSocket {
  /** Bytes handed over that the peer has not taken. */
  readonly waitingBytes: number;
  /** @param message  belongs to the socket from here on */
  send(message: Uint8Array, isBinary: boolean): void;
  /** The peer's pong ends here. */
  ping(payload: Uint8Array): void;
  /**
   * Take no more from the peer; what was read already may still come.
   * @returns false where that cannot be: messages come as before
   */
  pause(): boolean;
  resume(): void;
  /** What waits is sent before. @param code  CLOSED_WITHOUT_CODE: none */
  close(code: number, reason: Uint8Array): void;
  /** End the connection without a close frame. */
  cut(): void;
}

/** Whom a socket tells. */
export interface SocketListener {
  /** @param message  belongs to the listener from here on */
  onMessage(message: Buffer, isBinary: boolean): void;
  /** The socket has answered it. */
  onPing(payload: Buffer): void;
  /** Some of what waited is gone. */
  onDrain(): void;
  /** It has ended; the last thing told. @param code  CLOSED_WITHOUT_FRAME: broken off */
  onClose(code: number, reason: Buffer): void;
}

/** A client's handshake: how its connection becomes a WebSocket. */
export interface SocketOffer {
  /** The largest message, either way. */
  readonly messageBytesMax: number;
  /**
   * Send the 101.
   * @param protocol  '' for none
   * @returns undefined when the client has gone
   */
  accept(headers: HeaderList, protocol: string, listener: SocketListener): MessageSocket | undefined;
}
