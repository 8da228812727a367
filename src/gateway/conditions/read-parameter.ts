// What a request says of a parameter. Nothing is parsed ahead: most conditions look at one name.

import type { Exchange } from '../pipeline/exchange.ts';
import { matchForm } from '../router/normalize-path.ts';
import type { Parameter } from './condition.ts';

const EQUALS = 0x3d;

/**
 * @returns undefined where the request has none; of several values the first
 * @hot no allocation but for the value itself
 */
export function readParameter(parameter: Parameter, x: Exchange): string | undefined {
  switch (parameter.kind) {
    case 'header':
      return readHeader(x, parameter.name);
    case 'query':
      return readQuery(x.query, parameter.name);
    case 'cookie':
      return readCookie(x, parameter.name);
    case 'path':
      // The form by which routes are matched: however a character is spelled, it is the same path.
      return matchForm(x.path);
    case 'method':
      return x.method;
    case 'host':
      return x.host;
    case 'consumer':
      return x.consumer?.name;
    case 'clientIp':
      return x.clientAddress;
    case 'httpScheme':
      return x.scheme;
    case 'clientUa':
      return readHeader(x, 'user-agent');
  }
}

/** @param name  in lower case @hot */
export function readHeader(x: Exchange, name: string): string | undefined {
  const headers = x.headers;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1];
  }
  return undefined;
}

/**
 * @param query  with its '?', or ''
 * @returns decoded; as it stands where it cannot be
 * @hot
 */
export function readQuery(query: string, name: string): string | undefined {
  for (let start = 1; start < query.length; ) {
    let end = query.indexOf('&', start);
    if (end < 0) end = query.length;
    const equals = query.indexOf('=', start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (isName(query, start, nameEnd, name)) return decodeQuery(query.slice(Math.min(nameEnd + 1, end), end));
    start = end + 1;
  }
  return undefined;
}

/** @hot as it came, but for the quotes around it */
export function readCookie(x: Exchange, name: string): string | undefined {
  const headers = x.headers;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue;
    const value = cookieIn(headers[i + 1] as string, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function cookieIn(cookies: string, name: string): string | undefined {
  for (let start = 0; start < cookies.length; ) {
    while (cookies.charCodeAt(start) === 0x20) start++;
    let end = cookies.indexOf(';', start);
    if (end < 0) end = cookies.length;
    const nameEnd = start + name.length;
    if (nameEnd < end && cookies.charCodeAt(nameEnd) === EQUALS && cookies.startsWith(name, start)) {
      const value = cookies.slice(nameEnd + 1, end).trim();
      const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
      return isQuoted ? value.slice(1, -1) : value;
    }
    start = end + 1;
  }
  return undefined;
}

function isName(query: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length && query.startsWith(name, start)) return true;
  // Nothing gets shorter by being encoded.
  if (end - start < name.length) return false;
  const written = query.slice(start, end);
  return (written.includes('%') || written.includes('+')) && decodeQuery(written) === name;
}

/** @param written  of a query: a name or a value */
export function decodeQuery(written: string): string {
  if (!written.includes('%') && !written.includes('+')) return written;
  const spaced = written.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // No UTF-8, or no escape at all.
    return written;
  }
}
