// How commands ask a gateway's admin port.

import { randomUUID } from 'node:crypto';
import type { Terminal } from './check.ts';

export interface AdminTarget {
  /** http://127.0.0.1:9080 */
  readonly admin: string;
  /** Of an operator; SLUICE_TOKEN of the environment if not said. */
  readonly token?: string | undefined;
}

const TIMEOUT_MS = 60_000;
const UNAUTHORIZED = 401;
const ATTEMPTS = 2;

/** What the gateway answered that is no success; the message is for the user. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface AdminOptions {
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface AdminCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * A call that may be made again because no answer came: it makes nothing twice.
 * @returns the answer's body as JSON; undefined for an empty one
 * @throws {AdminError} it was refused
 * @throws {Error} there was no answer
 */
export async function askJson(
  target: AdminTarget,
  env: Terminal['env'],
  { method = 'GET', path, query = {}, body }: AdminCall,
): Promise<unknown> {
  const parameters = new URLSearchParams(query).toString();
  const headers = method === 'POST' ? { 'idempotency-key': randomUUID() } : {};
  const options = { method, body, headers };
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await askAdmin(target, env, parameters === '' ? path : `${path}?${parameters}`, options);
      const text = await answer.text();
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      if (error instanceof AdminError || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * @param path  with its query
 * @param body  sent as JSON
 * @throws {AdminError} the gateway answered with a problem
 * @throws {Error} it gave no answer; the message is for the user
 */
export async function askAdmin(
  { admin, token }: AdminTarget,
  env: Terminal['env'],
  path: string,
  { method = 'GET', body, headers = {} }: AdminOptions = {},
): Promise<Response> {
  if (!URL.canParse(path, admin)) throw new Error(`--admin: expected a URL such as http://127.0.0.1:9080`);
  const url = new URL(path, admin);
  const shown = token ?? env['SLUICE_TOKEN'] ?? '';
  const answer = await send(url, shown, { method, body, headers });
  if (answer.ok) return answer;
  const told = problemOf(await answer.text()) ?? `${url.origin} answered ${answer.status}`;
  if (answer.status !== UNAUTHORIZED) throw new AdminError(answer.status, told);
  const how = 'SLUICE_TOKEN in the environment, or --token';
  throw new AdminError(
    UNAUTHORIZED,
    shown === '' ? `${url.origin} asks for the token of an operator: ${how}` : `${told} (${how})`,
  );
}

async function send(url: URL, token: string, { method, body, headers }: Required<AdminOptions>): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      headers: {
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new Error(`${url.origin} gives no answer: ${cause?.message || message}`);
  }
}

function problemOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { problem?: string }).problem;
  } catch {
    return undefined;
  }
}
