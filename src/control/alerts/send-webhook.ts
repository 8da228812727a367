// The task 'send this webhook': one POST, no redirects, and of the answer nothing but its status. Runs in the task pool.

export interface WebhookTask {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

export interface WebhookAnswer {
  /** 0: there was none. */
  readonly status: number;
  /** Why there was none; never with the URL, which may hold a secret. */
  readonly problem: string;
}

const REPLY_BYTES_MAX = 4_096;

/** Never rejects. */
export async function sendWebhook({ url, headers, body, timeoutMs }: WebhookTask): Promise<WebhookAnswer> {
  try {
    const { request } = await import('undici');
    const signal = AbortSignal.timeout(timeoutMs);
    const reply = await request(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      // A task's thread sleeps between tasks and would not see that a kept connection was closed.
      reset: true,
    });
    // The status is all that counts: an answer that does not end is no failure.
    await reply.body.dump({ limit: REPLY_BYTES_MAX, signal }).catch(() => {});
    return { status: reply.statusCode, problem: '' };
  } catch (error) {
    return { status: 0, problem: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const { name = '', code } = error as { readonly name?: string; readonly code?: string };
  if (name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'no answer in time';
  return code ?? name;
}
