// The task 'export these spans': OTLP over HTTP, in protobuf. Runs in the task pool. The serializer is OpenTelemetry's; its
// exporter is not used, because it retries five times, takes headers from the environment, and waits as long as
// Retry-After says.

import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { unpack } from 'msgpackr';
import type { PackedSpans } from '../../gateway/telemetry/span-data.ts';
import { type OtlpResource, type OtlpSpan, otlpSpan } from './otlp-span.ts';

export interface ExportTask {
  readonly url: string;
  /** Credentials: never in a log or message. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** PackedSpans, as MessagePack. */
  readonly batches: readonly Uint8Array[];
}

export interface ExportAnswer {
  /** Spans that the collector took. */
  readonly exported: number;
  /** Spans that it refused, or that could not be sent. */
  readonly failed: number;
  /** Why; '' when nothing failed. */
  readonly problem: string;
}

/** The answer to one request. */
interface Reply {
  readonly status: number;
  /** Milliseconds; undefined when the collector does not say. */
  readonly retryAfterMs: number | undefined;
  readonly body: Uint8Array;
}

const TIMEOUT_MS = 10_000;
const RETRYABLE = new Set([429, 502, 503, 504]);
// The one retry comes after 200 ms to 1 s, or when the collector says so, but within 5 s.
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 1_000;
const RETRY_AFTER_MS_MAX = 5_000;
const REPLY_BYTES_MAX = 64 * 1_024;
const SHOWN_CHARS_MAX = 200;

/** Never rejects. */
export async function exportSpans(task: ExportTask): Promise<ExportAnswer> {
  const resource: OtlpResource = {
    attributes: { 'service.name': task.serviceName, 'host.name': hostname(), 'process.pid': process.pid },
  };
  const spans: OtlpSpan[] = [];
  for (const bytes of task.batches) {
    const packed = unpack(bytes) as PackedSpans;
    for (const span of packed.spans) spans.push(otlpSpan(span, packed.epochOffsetUs, resource));
  }
  try {
    return await send(task, spans);
  } catch (error) {
    return { exported: 0, failed: spans.length, problem: reasonOf(error) };
  }
}

async function send(task: ExportTask, spans: OtlpSpan[]): Promise<ExportAnswer> {
  // 140 ms to load (measured): only where something is exported.
  const { ProtobufTraceSerializer } = await import('@opentelemetry/otlp-transformer');
  const body = ProtobufTraceSerializer.serializeRequest(spans);
  if (body === undefined) return { exported: 0, failed: spans.length, problem: 'the spans cannot be serialized' };
  let reply = await post(task, body);
  if (RETRYABLE.has(reply.status)) {
    await delay(retryDelayMs(reply.retryAfterMs, Math.random()));
    reply = await post(task, body);
  }
  if (reply.status < 200 || reply.status > 299) {
    return { exported: 0, failed: spans.length, problem: `it answers ${reply.status}` };
  }
  let partial: { readonly rejectedSpans?: number; readonly errorMessage?: string } | undefined;
  try {
    partial = ProtobufTraceSerializer.deserializeResponse(reply.body).partialSuccess;
  } catch {
    // It took the request, and says so in words of its own.
  }
  const failed = Math.min(spans.length, partial?.rejectedSpans ?? 0);
  const problem = failed === 0 ? '' : `it refused ${failed} spans: ${shown(partial?.errorMessage ?? '')}`;
  return { exported: spans.length - failed, failed, problem };
}

/** @throws {Error} when there is no whole answer within TIMEOUT_MS */
async function post(task: ExportTask, body: Uint8Array): Promise<Reply> {
  const { request } = await import('undici');
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const reply = await request(task.url, {
    method: 'POST',
    headers: { ...task.headers, 'content-type': 'application/x-protobuf' },
    body,
    signal,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    // A task's thread sleeps between tasks and would not see that a kept connection was closed.
    reset: true,
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop cuts the connection.
    if (bytes > REPLY_BYTES_MAX) break;
    chunks.push(chunk);
  }
  return {
    status: reply.statusCode,
    retryAfterMs: retryAfterMs(reply.headers['retry-after']),
    body: bytes > REPLY_BYTES_MAX ? new Uint8Array() : Buffer.concat(chunks),
  };
}

/** @param random  0 to 1 */
export function retryDelayMs(retryAfter: number | undefined, random: number): number {
  const jitterMs = RETRY_MS_MIN + random * (RETRY_MS_MAX - RETRY_MS_MIN);
  return retryAfter === undefined ? jitterMs : Math.min(RETRY_AFTER_MS_MAX, Math.max(jitterMs, retryAfter));
}

/** Retry-After in seconds; a date is left to the jitter. */
function retryAfterMs(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^[0-9]{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}

/** A code rather than a message: messages of network errors may hold what was sent. */
function reasonOf(error: unknown): string {
  const { name, code } = error as { readonly name?: string; readonly code?: string };
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1_000} s`;
  return code ?? name ?? 'unknown';
}

/** A collector's own words, on one line. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, SHOWN_CHARS_MAX);
}
