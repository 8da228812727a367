// A client of a gateway's admin port, for subcommands.

import { randomUUID } from 'node:crypto';

export interface AdminPlace {
  /** http://127.0.0.1:9080 */
  readonly admin: string;
  /** Of an operator, a secret; '' for none. */
  readonly token: string;
}

interface AdminCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const TIMEOUT_MS = 60_000;
const ATTEMPTS = 2;

/** What the gateway answered that is no success. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * @returns the answer's body as JSON; undefined for an empty one
 * @throws {AdminError} it was refused
 * @throws {Error} there was no answer
 */
export async function askAdmin(place: AdminPlace, { method, path, query = {}, body }: AdminCall): Promise<unknown> {
  const url = new URL(path, place.admin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(place.token !== '' && { authorization: `Bearer ${place.token}` }),
    // What is sent again because no answer came makes nothing twice.
    ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
  };
  const answer = await send(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (answer.ok) return text === '' ? undefined : JSON.parse(text);
  throw new AdminError(answer.status, problemOf(text) ?? `${url.origin} answered ${answer.status}`);
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      const { cause, message } = error as Error & { cause?: Error };
      if (attempt === ATTEMPTS) throw new Error(cause?.message ?? message);
    }
  }
}

function problemOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { problem?: string }).problem;
  } catch {
    return undefined;
  }
}
