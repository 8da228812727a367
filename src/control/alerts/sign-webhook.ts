// Standard Webhooks 1.0: the signature of a message.

import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/**
 * @param secret  whsec_ and base64, or plain text
 * @param timestamp  seconds since 1970, of the attempt
 * @returns the header webhook-signature
 * @source  https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md
 */
export function signWebhook(secret: string, id: string, timestamp: number, body: string): string {
  const key = secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
