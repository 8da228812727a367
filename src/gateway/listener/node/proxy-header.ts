// The header of the PROXY protocol, version 2, with which a proxy begins a connection to say whose it is.
//
// | offset | bytes  | what                                                                |
// | 0      | 12     | 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a                                 |
// | 12     | 1      | 2 (version), then 0 LOCAL (the proxy's own connection) or 1 PROXY   |
// | 13     | 1      | family: 1 IPv4, 2 IPv6, 3 Unix, 0 none; then 1 stream, 2 datagram   |
// | 14     | 2      | length of the rest, big-endian                                      |
// | 16     | length | source, destination, source port, destination port; then extensions |
//
// A proxy in the mode of TCP passes on what its client sends, so only the connection's first bytes are a header. One that is
// trusted always sends it: without, or with one that is none, the connection ends. Guessing would let a client write it.
//
// @source  https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2

import type { Socket } from 'node:net';
import { peerAddress } from '../../../base/peer-address.ts';

export interface ProxyHeader {
  /** Of the client; '' where the header names none. */
  readonly address: string;
  /** Bytes of the whole header. */
  readonly length: number;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
// Addresses have 216 at the most; the rest is for extensions, certificates among them.
const VARIABLE_BYTES_MAX = 4_096;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const IPV4_PAIR_BYTES = 12;
const IPV6_PAIR_BYTES = 36;
const NO_BYTES = Buffer.alloc(0);

/** @returns undefined while more bytes are needed to tell; 'none' for what is no such header */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | 'none' | undefined {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, known, 0, known) !== 0) return 'none';
  if (bytes.length < FIXED_BYTES) return undefined;
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0x0f;
  const variable = bytes.readUInt16BE(14);
  if (version !== VERSION || command > PROXY || variable > VARIABLE_BYTES_MAX) return 'none';
  const length = FIXED_BYTES + variable;
  if (bytes.length < length) return undefined;
  if (command === LOCAL) return { address: '', length };
  const address = readAddress(bytes.readUInt8(13), bytes.subarray(FIXED_BYTES, length));
  return address === undefined ? 'none' : { address, length };
}

/**
 * Read the header that a connection begins with; what follows it stays to be read. The connection is destroyed when there is none, or
 * when it is late.
 * @param onHeader  with the client's address, '' where the header names none; the socket is paused
 */
export function readProxyHeader(socket: Socket, timeoutMs: number, onHeader: (address: string) => void): void {
  let bytes: Buffer = NO_BYTES;
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, timeoutMs);
  const stop = (): void => clearTimeout(timer);
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const header = parseProxyHeader(bytes);
    if (header === undefined) return;
    if (header === 'none') return destroy();
    stop();
    socket.pause();
    socket.off('data', onData);
    socket.off('end', destroy);
    socket.off('error', destroy);
    socket.off('close', stop);
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    onHeader(header.address);
  };
  socket.on('data', onData);
  socket.on('end', destroy);
  socket.on('error', destroy);
  socket.on('close', stop);
}

/** @param kind  family and transport; @returns '' for what has no address of ours, undefined for one that is cut short */
function readAddress(kind: number, bytes: Buffer): string | undefined {
  if (kind === TCP_OVER_IPV4) {
    return bytes.length < IPV4_PAIR_BYTES ? undefined : [...bytes.subarray(0, 4)].join('.');
  }
  if (kind !== TCP_OVER_IPV6) return '';
  if (bytes.length < IPV6_PAIR_BYTES) return undefined;
  return peerAddress(bytes.toString('hex', 0, 16).replace(/(.{4})(?!$)/g, '$1:'));
}
