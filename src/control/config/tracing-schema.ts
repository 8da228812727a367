// The section `gateway.tracing`: which requests are traced, and where their spans go.

import * as z from 'zod';
import { durationOrNone, headerName, percentage, section, text } from '../../gateway/units/config.ts';
import type { TracingConfig } from './config.ts';
import { queryLogging } from './mask-schema.ts';

const HOUR_MS = 3_600_000;
const VALUE_CHARS_MAX = 4_096;
const NAME_CHARS_MAX = 255;
// What the exporter writes itself, or what belongs to the connection.
const OWN_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function collectorUrl(): z.ZodType<string> {
  return text(
    'a URL such as http://host:4318/v1/traces, without user, query and fragment',
    'https?://[^\\s/?#@]+(?:/[^\\s?#]*)?',
    (value) => {
      if (!/^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/i.test(value) || !URL.canParse(value)) return undefined;
      const { href, port, hostname } = new URL(value);
      return port === '0' || hostname === '' ? undefined : href;
    },
  );
}

function headerValue(): z.ZodType<string> {
  return text(
    `printable ASCII characters, 1 to ${VALUE_CHARS_MAX}, no space at either end`,
    '[!-~](?:[ -~]*[!-~])?',
    (value) => (value.length <= VALUE_CHARS_MAX && /^[!-~](?:[ -~]*[!-~])?$/.test(value) ? value : undefined),
  );
}

function serviceName(): z.ZodType<string> {
  return text(`a name of 1 to ${NAME_CHARS_MAX} printable characters`, '[!-~](?:[ -~]*[!-~])?', (value) =>
    value.length <= NAME_CHARS_MAX && /^[!-~](?:[ -~]*[!-~])?$/.test(value) ? value : undefined,
  );
}

export const tracingSchema: z.ZodType<TracingConfig> = section({
  otlp: collectorUrl().describe('Where spans are sent: OTLP over HTTP, protobuf.'),
  sample: percentage().prefault('1%').describe('The share of traces that begin here and are kept.'),
  slow: durationOrNone(1, HOUR_MS)
    .prefault('1s')
    .describe('Requests that take so long are kept though they are not sampled; none for never.'),
  headers: z
    .record(headerName(OWN_HEADERS), headerValue())
    .prefault({})
    .describe("Headers of the exporter's requests: credentials for the collector."),
  serviceName: serviceName().prefault('sluice').describe('service.name of all spans.'),
  query: queryLogging(),
}).transform(({ slow, query, ...tracing }) => ({
  ...tracing,
  slowMs: slow,
  ...(query === 'masked' && { hasQueries: true }),
}));
