// One line of the access log: an exchange that has ended, as JSON. What each field says is in docs/operations.md.
//
//   {"time":"2026-11-23T17:00:00.123Z","requestId":"…","service":"shop","route":"get-order","consumer":"alice",
//    "method":"GET","path":"/orders/7","query":"a=1&token=***","status":200,"code":"RATE_LIMITED","clientAddress":"192.0.2.1","durationMs":1.234,
//    "upstreamMs":0.987,"upstream":"orders","steer":"canary","tries":2,"fallback":"mock","requestBytes":0,"responseBytes":860,
//    "userAgent":"…","shadow":["RATE_LIMITED@shop.get-order.rate-limit.1"],"aborted":true,"cut":true}
//
// Always in this order; what does not apply is left out. The query is there where accessLog.query says so only, masked: queries hold
// secrets.

import { errorCodes } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { LineBuffer } from './line-buffer.ts';
import type { Masker } from './masker.ts';

const REQUEST_ID_BYTES_MAX = 128;
const CONSUMER_BYTES_MAX = 128;
const METHOD_BYTES_MAX = 32;
const CODE_BYTES_MAX = 32;
// Of path and query together.
const PATH_BYTES_MAX = 2_048;
const QUOTES_BYTES = 2;
const ADDRESS_BYTES_MAX = 64;
const USER_AGENT_BYTES_MAX = 256;
const STEER_BYTES_MAX = 64;
const FALLBACK_BYTES_MAX = 8;
// A code (32), an @, and a place: a service, a route, a policy and a number (165).
const SHADOW_BYTES_MAX = 198;
const SHADOW_COUNT_MAX = 3;

// 128 + 128 + 32 + 32 + 2,048 + 64 + 256 + 64 (above) + 3 × 64 (names) + 24 (time) + 3 (status) + 2 × 17 and 2 × 16 (numbers)
// + 24 (tries, fallback) + 282 (keys and quotes) = 3,343. With 3 × 201 (names of shadow) + 20 (its key, and how many more) =
// 3,966, and with 11 (the query's key and quotes) 3,977. 4,096 is what a pipe takes whole or not at all (PIPE_BUF).
export const LINE_BYTES_MAX = 4_096;

// As bytes: a loop over a string takes half as long again.
const keys = {
  requestId: Buffer.from(',"requestId":'),
  consumer: Buffer.from(',"consumer":'),
  method: Buffer.from(',"method":'),
  path: Buffer.from(',"path":'),
  query: Buffer.from(',"query":'),
  status: Buffer.from(',"status":'),
  code: Buffer.from(',"code":'),
  clientAddress: Buffer.from(',"clientAddress":'),
  durationMs: Buffer.from(',"durationMs":'),
  upstreamMs: Buffer.from(',"upstreamMs":'),
  steer: Buffer.from(',"steer":'),
  requestBytes: Buffer.from(',"requestBytes":'),
  responseBytes: Buffer.from(',"responseBytes":'),
  userAgent: Buffer.from(',"userAgent":'),
  tries: Buffer.from(',"tries":'),
  fallback: Buffer.from(',"fallback":'),
} as const;
const TIME_END = Buffer.from('Z"');
const SHADOW = Buffer.from(',"shadow":[');
const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']');
const ABORTED = Buffer.from(',"aborted":true');
const CUT = Buffer.from(',"cut":true');

export class AccessLine {
  /** {"time":"2026-11-23T17:00:00. of #second. */
  #timePrefix: Uint8Array = new Uint8Array(0);
  #second = -1;

  /**
   * @param buffer  with room for LINE_BYTES_MAX
   * @param wallMs  milliseconds since 1970, when the exchange ended
   * @param masker  undefined: nothing is to be masked, and there is no query
   * @hot
   */
  put(buffer: LineBuffer, x: Exchange, wallMs: number, masker?: Masker, hasQuery = false): void {
    this.#putTime(buffer, wallMs);
    if (x.requestId !== '') putField(buffer, keys.requestId, x.requestId, REQUEST_ID_BYTES_MAX);
    if (x.route !== undefined) buffer.putBytes(x.route.logNames.route);
    if (x.consumer !== undefined) putField(buffer, keys.consumer, x.consumer.name, CONSUMER_BYTES_MAX);
    putField(buffer, keys.method, x.method, METHOD_BYTES_MAX);
    // A path that could not be normalised, as it came.
    const path = x.path === '' ? x.rawPath : x.path;
    if (masker === undefined) putField(buffer, keys.path, path, PATH_BYTES_MAX);
    else putTarget(buffer, path, hasQuery ? x.query : '', masker);
    if (x.status !== 0) putNumber(buffer, keys.status, x.status);
    if (x.errorId !== 0) putField(buffer, keys.code, errorCodes[x.errorId] ?? '', CODE_BYTES_MAX);
    putField(buffer, keys.clientAddress, x.clientAddress === '' ? x.peerAddress : x.clientAddress, ADDRESS_BYTES_MAX);
    putDuration(buffer, keys.durationMs, x.startUs, x.endUs);
    if (x.answerUs !== 0) putDuration(buffer, keys.upstreamMs, x.sentUs, x.answerUs);
    if (x.sentUs !== 0 && x.route !== undefined) buffer.putBytes(x.route.logNames.upstreamOf(x.steered));
    if (x.steered !== '') putField(buffer, keys.steer, x.steered, STEER_BYTES_MAX);
    if (x.tries > 1) putNumber(buffer, keys.tries, x.tries);
    if (x.fallback !== '') putField(buffer, keys.fallback, x.fallback, FALLBACK_BYTES_MAX);
    putNumber(buffer, keys.requestBytes, x.bodyBytes);
    putNumber(buffer, keys.responseBytes, x.answerBytes);
    const userAgent = x.header('user-agent');
    if (userAgent !== '') {
      putField(buffer, keys.userAgent, masker?.words(userAgent) ?? userAgent, USER_AGENT_BYTES_MAX);
    }
    if (x.shadowRejections !== undefined) putShadow(buffer, x.shadowRejections);
    if (x.clientGone) buffer.putBytes(ABORTED);
    if (x.wasCut) buffer.putBytes(CUT);
    buffer.endLine();
  }

  #putTime(buffer: LineBuffer, wallMs: number): void {
    const ms = Math.floor(wallMs);
    const second = Math.floor(ms / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#timePrefix = Buffer.from(`{"time":"${new Date(second * 1_000).toISOString().slice(0, -4)}`);
    }
    buffer.putBytes(this.#timePrefix);
    buffer.putMilliseconds(ms - second * 1_000);
    buffer.putBytes(TIME_END);
  }
}

/** @param key  ,"path": */
function putField(buffer: LineBuffer, key: Uint8Array, value: string, bytesMax: number): void {
  buffer.putBytes(key);
  buffer.putText(value, bytesMax);
}

/** The query has the room that the path leaves. */
function putTarget(buffer: LineBuffer, path: string, query: string, masker: Masker): void {
  const start = buffer.end;
  putField(buffer, keys.path, masker.path(path), PATH_BYTES_MAX);
  if (query === '') return;
  const room = PATH_BYTES_MAX - (buffer.end - start - keys.path.length - QUOTES_BYTES);
  putField(buffer, keys.query, masker.query(query), room);
}

/** The first few, and how many more there are: "+2". */
function putShadow(buffer: LineBuffer, names: readonly string[]): void {
  const shown = Math.min(names.length, SHADOW_COUNT_MAX);
  buffer.putBytes(SHADOW);
  for (let i = 0; i < shown; i++) {
    if (i > 0) buffer.putBytes(COMMA);
    buffer.putText(names[i] as string, SHADOW_BYTES_MAX);
  }
  if (names.length > shown) {
    buffer.putBytes(COMMA);
    buffer.putText(`+${names.length - shown}`, SHADOW_BYTES_MAX);
  }
  buffer.putBytes(LIST_END);
}

function putNumber(buffer: LineBuffer, key: Uint8Array, value: number): void {
  buffer.putBytes(key);
  buffer.putWhole(value);
}

/** Milliseconds with three decimals. */
function putDuration(buffer: LineBuffer, key: Uint8Array, fromUs: number, toUs: number): void {
  buffer.putBytes(key);
  buffer.putThousandths(Math.max(0, Math.round(toUs - fromUs)));
}
