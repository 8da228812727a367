// What a listener with redirectToHttps answers, whatever the path: the same URL with https.

import { ADMIT, errors } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { answerWith, refuse } from '../pipeline/respond.ts';
import { type NormalizedPath, normalizePath } from '../router/normalize-path.ts';

const HTTPS_PORT = 443;
// The method stays what it was (RFC 9110 §15.4.9).
const PERMANENT_REDIRECT = 308;

const normalized: NormalizedPath = { path: '', flags: 0 };

/**
 * End an exchange that the guards have admitted. Its host is a host's name and nothing else, its path begins with a slash: the
 * answer leads to the host that was asked, and to no other.
 */
export function redirectToHttps(x: Exchange, port: number): void {
  x.plane.begin(x);
  // HTTP/1.0 may come without one.
  if (x.host === '') return refuse(x, errors.BAD_HOST.id);
  const verdict = normalizePath(x.rawPath, normalized);
  if (verdict !== ADMIT) return refuse(x, verdict);
  const authority = port === HTTPS_PORT ? x.host : `${x.host}:${port}`;
  answerWith(x, PERMANENT_REDIRECT, `location: https://${authority}${x.rawPath}${x.query}\r\n`, '');
}
