// `sluice explain URL`: sends one request, signed, and prints how the gateway decided it.

import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { signExplain } from '../gateway/explain/explain-signature.ts';
import type { Terminal } from './check.ts';
import { type ExplainedAnswer, printExplanation } from './print-explanation.ts';

export interface ExplainOptions {
  readonly method: string;
  /** 'name: value' each. */
  readonly headers: readonly string[];
  /** The environment variable that has the secret of gateway.explain. */
  readonly secretEnv: string;
  readonly json: boolean;
  /** Seconds since 1970. */
  readonly nowSeconds: number;
}

const TIMEOUT_MS = 30_000;
// An explanation takes up to 8 KiB beside the upstream's own headers.
const HEAD_BYTES_MAX = 128 * 1_024;

/** @returns the exit code: 0 explained, 1 not (no answer, no permission), 2 wrong usage */
export async function explain(url: string, options: ExplainOptions, terminal: Terminal): Promise<number> {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const headers = readHeaders(options.headers);
  if (target === undefined || !/^https?:$/.test(target.protocol) || headers === undefined) {
    terminal.error(
      `sluice explain: expected ${headers === undefined ? "'name: value'" : 'a URL such as http://host/path'}\n`,
    );
    return 2;
  }
  const secret = terminal.env[options.secretEnv] ?? '';
  // As node:http sends it, and as it is signed.
  const method = options.method.toUpperCase();
  const path = target.pathname + target.search;
  headers['x-sluice-explain'] = secret === '' ? '1' : signExplain(secret, method, path, Math.floor(options.nowSeconds));
  let answer: IncomingMessage;
  try {
    answer = await send(target, method, headers);
  } catch (error) {
    terminal.error(`sluice explain: ${(error as Error).message}\n`);
    return 1;
  }
  // The body is nobody's here.
  answer.destroy();
  const explanation = readExplanation(answer.headers['x-sluice-explain']);
  if (explanation === undefined) {
    terminal.error(
      `sluice explain: ${answer.statusCode}, without an explanation: ${hint(secret, options.secretEnv)}\n`,
    );
    return 1;
  }
  const explained: ExplainedAnswer = {
    status: answer.statusCode ?? 0,
    requestId: String(answer.headers['x-request-id'] ?? ''),
    explanation,
  };
  if (options.json) terminal.out(`${JSON.stringify(explained, null, 2)}\n`);
  else terminal.out(printExplanation(`${method} ${url}`, explained));
  return 0;
}

/** @returns undefined when there is none: whatever answered need not be a gateway */
function readExplanation(text: unknown): ExplainedAnswer['explanation'] | undefined {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined when one is no header */
function readHeaders(lines: readonly string[]): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+): *([\x20-\x7e]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function send(url: URL, method: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const options = { method, headers, maxHeaderSize: HEAD_BYTES_MAX, agent: false, timeout: TIMEOUT_MS } as const;
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
    request.on('response', resolve);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)));
    request.end();
  });
}

function hint(secret: string, secretEnv: string): string {
  const signed = secret === '' ? `${secretEnv} is not set, so it was not signed` : `it was signed with ${secretEnv}`;
  return `gateway.explain has to allow this address in from, or have the secret (${signed})`;
}
