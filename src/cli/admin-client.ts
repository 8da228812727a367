// How commands ask a gateway's admin port.

import type { Terminal } from './check.ts';

export interface AdminTarget {
  /** http://127.0.0.1:9080 */
  readonly admin: string;
  /** Of an operator; SLUICE_TOKEN of the environment if not said. */
  readonly token?: string | undefined;
}

const TIMEOUT_MS = 60_000;
const UNAUTHORIZED = 401;

/**
 * @param path  with its query
 * @param body  sent as JSON
 * @throws {Error} the gateway gave no answer, or a problem; its message is for the user
 */
export async function askAdmin(
  { admin, token }: AdminTarget,
  env: Terminal['env'],
  path: string,
  { method = 'GET', body }: { readonly method?: string; readonly body?: unknown } = {},
): Promise<Response> {
  if (!URL.canParse(path, admin)) throw new Error(`--admin: expected a URL such as http://127.0.0.1:9080`);
  const url = new URL(path, admin);
  const shown = token ?? env['SLUICE_TOKEN'] ?? '';
  const answer = await send(url, method, shown, body);
  if (answer.ok) return answer;
  const told = problemOf(await answer.text()) ?? `${url.origin} answered ${answer.status}`;
  if (answer.status !== UNAUTHORIZED) throw new Error(told);
  const how = 'SLUICE_TOKEN in the environment, or --token';
  throw new Error(shown === '' ? `${url.origin} asks for the token of an operator: ${how}` : `${told} (${how})`);
}

async function send(url: URL, method: string, token: string, body: unknown): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      headers: {
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
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
