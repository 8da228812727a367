// The cookie that a client is known by where a share is to be sticky. The gateway makes it up, and reads of it only whether
// it is one of its own making in form: whoever changes it draws another lot, which a second client could have had as well.

import { randomBytes } from 'node:crypto';
import { readCookie } from '../conditions/read-parameter.ts';
import { cameByHttps } from '../pipeline/came-by-https.ts';
import type { Exchange } from '../pipeline/exchange.ts';

// 96 bits, 16 characters.
const VALUE_BYTES = 12;
const VALUE_CHARS = 16;
const VALUE = /^[A-Za-z0-9_-]{16}$/;

/** @returns the client's; where it has none, or not a valid one, a new one, which goes out with the answer */
export function steerCookie(x: Exchange, name: string, maxAgeSeconds: number): string {
  const own = readCookie(x, name);
  if (own !== undefined && VALUE.test(own)) return own;
  // A rule before this one may have made it.
  const start = `set-cookie: ${name}=`;
  const at = x.setCookies.indexOf(start);
  if (at >= 0) return x.setCookies.slice(at + start.length, at + start.length + VALUE_CHARS);
  const value = randomBytes(VALUE_BYTES).toString('base64url');
  const secure = cameByHttps(x) ? '; Secure' : '';
  x.setCookies += `${start}${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}\r\n`;
  return value;
}
