// X-Sluice-Explain: t=1764000000,sig=<64 hexadecimal digits>: HMAC-SHA256 over 'METHOD /path?query\nt', t in seconds since
// 1970. Good for that method and target for a minute, and for nothing else.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** Either way: clocks differ. */
export const SIGNATURE_SECONDS_MAX = 60;

const SIGNED = /^t=(\d{1,12}),sig=([0-9a-f]{64})$/;

/** @param target  path and query, as they stand in the request line @param seconds  whole, since 1970 */
export function signExplain(secret: string, method: string, target: string, seconds: number): string {
  return `t=${seconds},sig=${digest(secret, method, target, String(seconds)).toString('hex')}`;
}

/** @param value  the header's */
export function isSignedExplain(
  value: string,
  secret: string,
  method: string,
  target: string,
  nowSeconds: number,
): boolean {
  const [, seconds, signature] = SIGNED.exec(value) ?? [];
  if (seconds === undefined || signature === undefined) return false;
  if (Math.abs(nowSeconds - Number(seconds)) > SIGNATURE_SECONDS_MAX) return false;
  return timingSafeEqual(Buffer.from(signature, 'hex'), digest(secret, method, target, seconds));
}

function digest(secret: string, method: string, target: string, seconds: string): Buffer {
  return createHmac('sha256', secret).update(`${method} ${target}\n${seconds}`).digest();
}
