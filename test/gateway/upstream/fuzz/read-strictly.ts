// The reference: an HTTP/1.1 answer read whole, by RFC 9112's grammar as regular expressions, where it leaves a choice the
// strict one. Slow, and too simple to be wrong in the ways that a state machine is. It has no bounds of size.

import type { Verdict } from './verdict.ts';

const INTERIM_COUNT_MAX = 16;

const FIELD = "[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n";
const HEAD = new RegExp(
  `HTTP/1\\.([01]) ([1-5]\\d\\d)(?: [\\t\\x20-\\x7e\\x80-\\xff]*)?\\r\\n((?:${FIELD})*)\\r\\n`,
  'y',
);
const CHUNK_SIZE = /([0-9A-Fa-f]{1,13})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/y;
const TRAILERS = new RegExp(`(?:${FIELD})*\\r\\n`, 'y');
const LENGTH = /^\d{1,15}$/;
const CHUNKED = /^chunked$/i;

interface Head {
  readonly version: string;
  readonly status: number;
  readonly headers: readonly string[];
  /** Behind the empty line. */
  readonly end: number;
}

interface Body {
  readonly body: string;
  readonly isWhole: boolean;
}

/** @param bytes  all that came, in latin1, before the connection ended without a fault */
export function readStrictly(bytes: string, isHead: boolean): Verdict {
  let head = readHead(bytes, 0);
  for (let count = 1; head !== undefined && head.status < 200; count++) {
    head = head.status === 101 || count > INTERIM_COUNT_MAX ? undefined : readHead(bytes, head.end);
  }
  if (head === undefined || !isSound(head)) return { outcome: 'failed', status: 0, headers: [], body: '' };
  const { status, headers } = head;
  const isBodyless = isHead || status === 204 || status === 304;
  const { body, isWhole } = isBodyless ? { body: '', isWhole: true } : readBody(bytes, head);
  return { outcome: isWhole ? 'end' : 'failed', status, headers, body };
}

function readHead(bytes: string, at: number): Head | undefined {
  HEAD.lastIndex = at;
  const match = HEAD.exec(bytes);
  if (match === null) return undefined;
  const [text, version = '', status, lines = ''] = match;
  const headers = lines
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')];
    });
  const head = { version, status: Number(status), headers, end: at + text.length };
  const lengths = valuesOf(head, 'content-length');
  const codings = valuesOf(head, 'transfer-encoding');
  const isRead = lengths.every((length) => LENGTH.test(length)) && codings.every((coding) => CHUNKED.test(coding));
  return isRead && lengths.length <= 1 && codings.length <= 1 ? head : undefined;
}

function isSound(head: Head): boolean {
  if (valuesOf(head, 'transfer-encoding').length === 0) return true;
  return head.version === '1' && valuesOf(head, 'content-length').length === 0;
}

function readBody(bytes: string, head: Head): Body {
  if (valuesOf(head, 'transfer-encoding').length > 0) return readChunks(bytes, head.end);
  const [length] = valuesOf(head, 'content-length');
  if (length === undefined) return { body: bytes.slice(head.end), isWhole: true };
  const body = bytes.slice(head.end, head.end + Number(length));
  return { body, isWhole: body.length === Number(length) };
}

function readChunks(bytes: string, start: number): Body {
  let body = '';
  for (let at = start; ; ) {
    CHUNK_SIZE.lastIndex = at;
    const match = CHUNK_SIZE.exec(bytes);
    if (match === null) return { body, isWhole: false };
    const size = Number.parseInt(match[1] ?? '', 16);
    at += match[0].length;
    if (size === 0) {
      TRAILERS.lastIndex = at;
      return { body, isWhole: TRAILERS.test(bytes) };
    }
    const chunk = bytes.slice(at, at + size);
    body += chunk;
    at += size + 2;
    if (chunk.length < size || bytes.slice(at - 2, at) !== '\r\n') return { body, isWhole: false };
  }
}

function valuesOf({ headers }: Pick<Head, 'headers'>, name: string): readonly string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}
