// The section `fallback` of an upstream.

import * as z from 'zod';
import { safeName, section, text, whole } from '../../gateway/units/config.ts';
import type { FallbackConfig } from './config.ts';
import { failures } from './failure-words.ts';

const BODY_BYTES_MAX = 64 * 1024;
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";
// What the gateway writes itself, or what is for one connection only.
const OWN_HEADERS = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'x-request-id',
]);

const mockSchema = section({
  status: whole(200, 599).prefault(200).describe('Its status; none that has no body (204, 205, 304).'),
  headers: z
    .record(headerName(), headerValue())
    .prefault({})
    .describe('Its header fields; Content-Type is application/json unless it is said.'),
  body: z.unknown().optional().describe('Its body: a text as it is, anything else as JSON.'),
}).transform(({ status, headers, body }) => mockOf(status, headers, body));

export const fallbackSchema: z.ZodType<FallbackConfig> = section(
  {
    upstream: safeName().optional().describe('Another upstream answers; its own fallback is not used then.'),
    mock: mockSchema.optional().describe('The gateway answers.'),
    on: failures(['open', 'connect', 'reset', 'timeout'])
      .prefault(['open', 'connect', 'reset', 'timeout', 502, 503, 504])
      .describe('The failures that it stands in for, when no retry is left; open: the circuit is.'),
  },
  ['cache'],
);

/** Whole at once: what a request needs is text. */
function mockOf(status: number, headers: Readonly<Record<string, string>>, body: unknown) {
  const named = Object.entries(headers);
  const hasType = named.some(([name]) => name.toLowerCase() === 'content-type');
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  const all = hasType || body === undefined ? named : [['content-type', type] as const, ...named];
  return {
    status,
    lines: all.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`).join(''),
    body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** @returns what is wrong with a mock's body; undefined for nothing */
export function mockProblem(mock: { readonly status: number; readonly body: string }): string | undefined {
  if ([204, 205, 304].includes(mock.status)) return `${mock.status} is a status without a body`;
  if (Buffer.byteLength(mock.body) > BODY_BYTES_MAX) return `its body has more than ${BODY_BYTES_MAX} bytes`;
  return undefined;
}

function headerName(): z.ZodType<string> {
  return text('the name of a header field that the gateway does not write itself', TOKEN, (value) =>
    new RegExp(`^${TOKEN}$`).test(value) && !OWN_HEADERS.has(value.toLowerCase()) ? value : undefined,
  );
}

function headerValue(): z.ZodType<string> {
  return text('the value of a header field: printable ASCII', '[ -~]{0,4096}', (value) =>
    /^[ -~]{0,4096}$/.test(value) ? value.trim() : undefined,
  );
}
