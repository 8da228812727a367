// The guards of a WebSocket handshake (RFC 6455 §4.2.1), for both engines: uWebSockets.js would grant one on the strength of
// its key alone.

import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';

const VERSION = '13';
// 16 bytes in base64: the last character before the padding holds two of their bits.
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PROTOCOLS_MAX = 32;

/** Whether an Upgrade header asks for a WebSocket, among other things or not. */
export function asksForWebSocket(upgrade: string): boolean {
  return tokensOf(upgrade).includes('websocket');
}

/**
 * Check a request that asks for a WebSocket.
 * @returns ADMIT, and the exchange is a handshake; or an error's id
 */
export function inspectHandshake(x: Exchange): Verdict {
  if (x.method !== 'GET') return refuse(x, 'a WebSocket is asked for with GET');
  if (x.bodyLength !== 0) return refuse(x, 'a handshake has no body');
  if (!tokensOf(x.connectionHeader).includes('upgrade')) return refuse(x, 'Connection must name upgrade');
  if (x.headerValues('sec-websocket-version') !== VERSION) return errors.WEBSOCKET_VERSION.id;
  if (!KEY.test(x.headerValues('sec-websocket-key'))) return refuse(x, 'Sec-WebSocket-Key must be 16 bytes in base64');
  if (!areProtocols(protocolsOf(x))) return refuse(x, 'Sec-WebSocket-Protocol must be a list of names, each once');
  x.isHandshake = true;
  return ADMIT;
}

/** The subprotocols that the client offers, in its order. */
export function protocolsOf(x: Exchange): readonly string[] {
  const offered = x.headerValues('sec-websocket-protocol');
  return offered === '' ? [] : offered.split(',').map((name) => name.trim());
}

function areProtocols(names: readonly string[]): boolean {
  return (
    names.length <= PROTOCOLS_MAX && new Set(names).size === names.length && names.every((name) => TOKEN.test(name))
  );
}

function refuse(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.BAD_HANDSHAKE.id;
}

function tokensOf(value: string): readonly string[] {
  return value.split(',').map((token) => token.trim().toLowerCase());
}
