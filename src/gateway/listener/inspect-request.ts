// The guards of a request's head, one pass over its headers, for both engines. Parsers are lenient, and upstreams differ:
// whatever could be read in two ways is refused here, before anything else looks at it.

import { ADMIT, errors, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { methodIndex } from '../router/methods.ts';
import { asksForWebSocket, inspectHandshake } from '../websocket/inspect-handshake.ts';
import type { RequestLimits } from '../worker-messages.ts';

/** Cut the connection without an answer: an answer would let smuggled bytes be read as the next request. */
export const CUT = -3;

export const TARGET_BYTES_MAX = 8 * 1024;
const HEADER_COUNT_MAX = 90;

// RFC 3986 reg-name or IP literal, with an optional port; no userinfo, nothing percent-encoded, no empty label, and no
// comma: the value becomes X-Forwarded-Host, which is a list.
const HOST = /^(?!\.|[^:]*\.\.)(?:[A-Za-z0-9._~!$&'()*+;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const UNSAFE_VALUE = /[\x00-\x08\x0a-\x1f\x7f\ufffd]/;
const UNSAFE_QUERY = /[^\x21-\x7e]|[#\\]|%00|%(?![0-9A-Fa-f]{2})/;
const DIGITS = /^\d{1,15}$/;

/** What the pass over the headers found; reused. `expect` is the last expectation other than 100-continue. */
const seen = {
  hosts: 0,
  lengths: 0,
  length: '',
  codings: 0,
  coding: '',
  expect: '',
  upgrade: '',
  bytes: 0,
  unsafe: false,
};

// The last good Host header, and what it says: most requests name the same few.
let lastAuthority: string | undefined;
let lastHost = '';

/**
 * Check the head, and fill in what follows from it: host, bodyLength, methodIndex.
 * @param x  with method, rawPath, query and headers as they came
 * @param needsHost  false for HTTP/1.0
 * @returns ADMIT, an error's id, or CUT
 * @hot
 */
export function inspectRequest(x: Exchange, limits: RequestLimits, needsHost: boolean): Verdict {
  passOverHeaders(x);
  const framing = inspectFraming(x, limits, needsHost);
  if (framing !== ADMIT) return framing;
  if (x.rawPath.length + x.query.length > TARGET_BYTES_MAX) return errors.URI_TOO_LONG.id;
  if (seen.bytes > limits.headerBytesMax || x.headers.length > HEADER_COUNT_MAX * 2) return errors.HEADERS_TOO_LARGE.id;
  if (seen.unsafe) return refuseWith(x, errors.BAD_REQUEST.id, 'a header value has bytes that are not allowed');
  if (x.query !== '' && UNSAFE_QUERY.test(x.query)) {
    return refuseWith(x, errors.BAD_PATH.id, 'the query has characters that must be percent-encoded');
  }
  if (seen.hosts > 1 || (seen.hosts === 0 && needsHost)) return errors.BAD_HOST.id;
  if (seen.hosts === 1) {
    if (x.authority !== lastAuthority) {
      if (!HOST.test(x.authority)) return errors.BAD_HOST.id;
      lastHost = hostOf(x.authority);
      lastAuthority = x.authority;
    }
    // The same string each time, which costs nothing to compare.
    x.authority = lastAuthority;
    x.host = lastHost;
  }
  x.methodIndex = methodIndex(x.method);
  if (x.methodIndex < 0) return errors.METHOD_NOT_IMPLEMENTED.id;
  if (seen.expect !== '') return errors.EXPECTATION_FAILED.id;
  if (x.bodyLength < 0 && limits.refuseChunked) return errors.LENGTH_REQUIRED.id;
  // HTTP/1.0 knows no upgrades (RFC 9110 §7.8).
  if (seen.upgrade !== '' && needsHost && asksForWebSocket(seen.upgrade)) return inspectHandshake(x);
  return ADMIT;
}

// Names are compared by length first: ten headers cost ten integer comparisons, not sixty string ones.
function passOverHeaders(x: Exchange): void {
  seen.hosts = 0;
  seen.lengths = 0;
  seen.codings = 0;
  seen.expect = '';
  seen.upgrade = '';
  seen.bytes = 0;
  seen.unsafe = false;
  const headers = x.headers;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // Name, colon, space, value, CRLF.
    seen.bytes += name.length + value.length + 4;
    if (!x.hasPlainValues && UNSAFE_VALUE.test(value)) seen.unsafe = true;
    switch (name.length) {
      case 4:
        if (name === 'host') {
          seen.hosts++;
          x.authority = value;
        }
        break;
      case 6:
        if (name === 'expect' && value.toLowerCase() !== '100-continue') seen.expect = value;
        break;
      case 7:
        if (name === 'upgrade') seen.upgrade = seen.upgrade === '' ? value : `${seen.upgrade},${value}`;
        break;
      case 10:
        if (name === 'connection') {
          x.connectionHeader =
            x.connectionHeader === '' ? value.toLowerCase() : `${x.connectionHeader},${value.toLowerCase()}`;
        }
        break;
      case 14:
        if (name === 'content-length') {
          seen.lengths++;
          seen.length = value;
        }
        break;
      case 16:
        if (name === 'x-sluice-explain') x.explainHeader = value;
        break;
      case 17:
        if (name === 'transfer-encoding') {
          seen.codings++;
          seen.coding = value;
        }
        break;
    }
  }
}

function inspectFraming(x: Exchange, limits: RequestLimits, isHttp11: boolean): Verdict {
  if (seen.codings === 0 && seen.lengths === 0) return ADMIT;
  x.closeAfter = true;
  if (seen.codings > 0) {
    // What else a parser may have taken for chunked has a body whose end nobody knows.
    // HTTP/1.0 knows no codings: a server of that time reads to the end of the connection (RFC 9112 §6.1).
    if (seen.codings > 1 || seen.coding.toLowerCase() !== 'chunked' || !isHttp11) return CUT;
    if (seen.lengths > 0) return errors.BAD_FRAMING.id;
    x.bodyLength = -1;
    // Whoever refuses chunks does not trust their reader with the end of one either: nothing is read behind it, whichever
    // error the request is answered with.
    if (limits.refuseChunked) return ADMIT;
  } else {
    // An empty one is read as no body, and the body as the next request.
    if (seen.length === '') return CUT;
    if (seen.lengths > 1 || !DIGITS.test(seen.length)) return errors.BAD_FRAMING.id;
    x.bodyLength = Number(seen.length);
  }
  x.closeAfter = false;
  return ADMIT;
}

function refuseWith(x: Exchange, errorId: number, detail: string): Verdict {
  x.detail = detail;
  return errorId;
}

/** Without the port, in lower case. @hot */
function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  const bare = colon > authority.lastIndexOf(']') ? authority.slice(0, colon) : authority;
  return UPPER_CASE.test(bare) ? bare.toLowerCase() : bare;
}

const UPPER_CASE = /[A-Z]/;
