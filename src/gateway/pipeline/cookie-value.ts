// A cookie of the request (RFC 6265 §4.2: name=value pairs, with '; ' between them).

import type { Exchange } from './exchange.ts';

/** @returns the first one's value as it stands there, or '' @hot */
export function cookieValue(x: Exchange, name: string): string {
  const { headers } = x;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue;
    const value = valueIn(headers[i + 1] as string, name);
    if (value !== '') return value;
  }
  return '';
}

/** @hot */
function valueIn(cookies: string, name: string): string {
  let at = cookies.indexOf(name);
  while (at >= 0) {
    const end = at + name.length;
    const isStart = at === 0 || cookies[at - 1] === ' ' || cookies[at - 1] === ';';
    if (isStart && cookies[end] === '=') {
      const next = cookies.indexOf(';', end);
      return (next < 0 ? cookies.slice(end + 1) : cookies.slice(end + 1, next)).trimEnd();
    }
    at = cookies.indexOf(name, end);
  }
  return '';
}
