// A client of Tencent's gateway, written from the rules of its documents alone: it shares no code with what checks it.

import { createHash, createHmac } from 'node:crypto';

export interface AppRequest {
  readonly method: string;
  /** With the environment. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly accept?: string;
  readonly contentType?: string;
  readonly form?: readonly (readonly [string, string])[];
  readonly body?: string;
}

/** name: value lines, and their signature. */
export function signedHeaders(
  id: string,
  secret: string,
  headers: readonly (readonly [string, string])[],
  algorithm = 'sha1',
): string[] {
  const text = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).join('\n');
  return [...headers.flat(), 'authorization', authorization(id, secret, headers, text, algorithm)];
}

export function authorization(
  id: string,
  secret: string,
  headers: readonly (readonly [string, string])[],
  text: string | Buffer,
  algorithm = 'sha1',
): string {
  const signature = createHmac(algorithm, secret).update(text).digest('base64');
  const names = headers.map(([name]) => name).join(' ');
  return `hmac id="${id}", algorithm="hmac-${algorithm}", headers="${names}", signature="${signature}"`;
}

/**
 * @param order  as one sample or the other sorts parameters
 * @param encode  what is done to names and values before they are signed
 */
export function appText(
  date: string,
  { method, path, query = [], accept = '', contentType = '', form, body = '' }: AppRequest,
  order: 'pairs' | 'names' = 'pairs',
  encode: (text: string) => string = (text) => text,
): string {
  const md5 = form === undefined && method !== 'GET' && body !== '' ? contentMd5(body) : '';
  let signed = path;
  for (const environment of ['/release', '/test', '/prepub']) {
    if (path === environment || path.startsWith(`${environment}/`)) signed = path.slice(environment.length) || '/';
  }
  const parameters = [...query, ...(form ?? [])].map(([name, value]) => [encode(name), encode(value)] as const);
  const pairs =
    order === 'pairs'
      ? parameters.map(([name, value]) => `${name}=${value}`).sort()
      : [...parameters].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([name, value]) => `${name}=${value}`);
  const target = pairs.length === 0 ? signed : `${signed}?${pairs.join('&')}`;
  return [`x-date: ${date}`, method, accept, contentType, md5, target].join('\n');
}

export function contentMd5(body: string): string {
  const hex = createHash('md5').update(body).digest('hex');
  return Buffer.from(hex).toString('base64');
}
