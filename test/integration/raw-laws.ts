// What holds for every request that the upstream gets, whatever the client sent.

import type { Forwarded } from './raw-harness.ts';

const HOP_BY_HOP = ['keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'expect', 'http2-settings'];
const ONCE = ['host', 'x-request-id', 'x-forwarded-for', 'x-forwarded-proto'];
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const UNSAFE_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;
const PATH = /^\/(?:[!-"$-.0->@-[\]-~]+\/?)*(?:\?[!-"$-[\]-~]*)?$/;

/** @returns what is wrong, in sentences; the strict parser of the upstream has looked at it before */
export function lawsBroken(request: Forwarded): readonly string[] {
  const broken: string[] = [];
  const law = (holds: boolean, sentence: string): void => {
    if (!holds) broken.push(`${sentence}: ${JSON.stringify(request)}`);
  };
  const names = request.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const values = request.rawHeaders.filter((_, i) => i % 2 === 1);
  const value = (name: string): string | undefined => values[names.indexOf(name)];
  const count = (name: string): number => names.filter((other) => other === name).length;

  law(!/smuggled/.test(request.url), 'a smuggled request reached the upstream');
  law(!/smuggled/.test(request.method), 'a smuggled method reached the upstream');
  law(PATH.test(request.url), 'the target is not well-formed');
  const path = request.url.split('?')[0] as string;
  law(!/\/\.{1,2}(?:\/|$)|\/\/|%(?![0-9A-F]{2})|%(?:2[DE]|00|0A|0D)/.test(path), 'the path is not normal');
  for (const name of ONCE) law(count(name) === 1, `${name} stands there once`);
  for (const name of HOP_BY_HOP) law(count(name) === 0, `${name} is for one connection only`);
  law(count('content-length') + count('transfer-encoding') <= 1, 'the body has one length');
  law(['chunked', undefined].includes(value('transfer-encoding')), 'the only coding is chunked');
  law(/^\d*$/.test(value('content-length') ?? ''), 'the length is a number');
  law(['keep-alive', 'close', undefined].includes(value('connection')), 'Connection is the gateway’s own');
  law(/^127\.0\.0\.1:\d+$/.test(value('host') ?? ''), 'the host is the target’s');
  law(value('x-forwarded-for') === '127.0.0.1', 'the address is the peer’s');
  for (const name of names) law(TOKEN.test(name), `the name ${JSON.stringify(name)} is a token`);
  for (const one of values) law(!UNSAFE_VALUE.test(one), `the value ${JSON.stringify(one)} is safe`);
  const isKeyed = path.startsWith('/keyed/');
  law(value('x-consumer-id') === (isKeyed ? 'tester' : undefined), 'the caller is who the policy says');
  law(!isKeyed || count('x-api-key') === 0, 'a used credential is not passed on');
  return broken;
}
