// The section `gateway.alerts`: who is told that a consumer's quota runs out, and when.

import * as z from 'zod';
import { duration, percentage, section, text } from '../../gateway/units/config.ts';
import type { AlertsConfig } from './alerts-config.ts';

const URL_CHARS_MAX = 2_048;
const THRESHOLDS_MAX = 16;
const SECOND_MS = 1_000;
// What Standard Webhooks asks of a key: 24 to 64 bytes.
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function webhookUrl(): z.ZodType<string> {
  return text(
    'a URL such as https://host/path, without user and fragment',
    'https?://[^\\s/?#@]+(?:[/?][^\\s#]*)?',
    (value) => {
      if (value.length > URL_CHARS_MAX || !/^https?:\/\/[^\s/?#@\\]+(?:[/?][^\s#\\]*)?$/i.test(value)) return undefined;
      if (!URL.canParse(value)) return undefined;
      const { href, port, hostname } = new URL(value);
      return port === '0' || hostname === '' ? undefined : href;
    },
  );
}

/** @returns as written: whsec_ and base64, or plain text */
function signingSecret(): z.ZodType<string> {
  const expected = `whsec_ and base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes, or 16 to 512 printable ASCII characters without spaces`;
  return text(expected, '[!-~]{16,512}', (value) => {
    if (!value.startsWith('whsec_')) return /^[!-~]{16,512}$/.test(value) ? value : undefined;
    const encoded = value.slice('whsec_'.length);
    const { length } = Buffer.from(encoded, 'base64');
    return BASE64.test(encoded) && length >= KEY_BYTES_MIN && length <= KEY_BYTES_MAX ? value : undefined;
  });
}

export const alertsSchema: z.ZodType<AlertsConfig> = section({
  webhook: webhookUrl().describe('Where alerts are sent: POST, JSON, signed as Standard Webhooks has it.'),
  secret: signingSecret().describe('What they are signed with: whsec_… or plain text; take it from the environment.'),
  at: z
    .array(percentage())
    .min(1)
    .max(THRESHOLDS_MAX)
    .prefault(['50%', '80%', '100%'])
    .superRefine((shares: readonly number[], context) => {
      for (const [index, share] of shares.entries()) {
        const issue = (message: string) => context.addIssue({ code: 'custom', path: [index], params: { message } });
        if (share === 0) issue('an unused quota is no news: from 0.001% on');
        else if (shares.indexOf(share) !== index) issue('is in the list already');
      }
    })
    .transform((shares) => shares.toSorted((a, b) => a - b))
    .describe('Parts of a quota: each is one alert per consumer, quota and window, when it has been used.'),
  timeout: duration(100, 30 * SECOND_MS)
    .prefault('5s')
    .describe('How long one attempt may take; then it is tried again.'),
}).transform(({ timeout, ...alerts }) => ({ ...alerts, timeoutMs: timeout }));
