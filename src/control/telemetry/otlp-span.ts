// A span as OpenTelemetry's serializer takes it, made from what a worker sent.

import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { SpanData } from '../../gateway/telemetry/span-data.ts';

export type OtlpSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

/** Seconds and nanoseconds. */
type Moment = OtlpSpan['startTime'];

/** Who all spans of an export are of. The serializer groups by the object, so that there is one for an export. */
export interface OtlpResource {
  readonly attributes: Readonly<Record<string, string | number>>;
}

const SCOPE = { name: 'sluice' };
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;
const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1_000;

/** @param epochOffsetUs  what to add to the span's moments to get microseconds since 1970 */
export function otlpSpan(span: SpanData, epochOffsetUs: number, resource: OtlpResource): OtlpSpan {
  const { traceId, spanId, flags, traceState, parentSpanId, isParentRemote, answerUs } = span;
  const answerHead = { name: 'answer head', time: momentOf(answerUs + epochOffsetUs), attributes: {} };
  const own = {
    traceId,
    spanId,
    traceFlags: flags,
    traceState: traceState === '' ? undefined : { serialize: () => traceState },
  };
  const parent = { traceId, spanId: parentSpanId, traceFlags: flags, isRemote: isParentRemote };
  const read = {
    name: span.name,
    kind: span.kind,
    spanContext: () => own,
    parentSpanContext: parentSpanId === '' ? undefined : parent,
    startTime: momentOf(span.startUs + epochOffsetUs),
    endTime: momentOf(span.endUs + epochOffsetUs),
    status: { code: span.isFailed ? STATUS_ERROR : STATUS_UNSET },
    attributes: span.attributes,
    links: [],
    events: answerUs === 0 ? [] : [answerHead],
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  // What the serializer reads, and nothing else of a ReadableSpan: the tests decode what it makes of it.
  return read as unknown as OtlpSpan;
}

function momentOf(us: number): Moment {
  const seconds = Math.floor(us / US_PER_SECOND);
  // The fraction of a microsecond is worth 250 ns at best: doubles near 2⁵¹ have two bits behind the point.
  return [seconds, Math.floor((us - seconds * US_PER_SECOND) * NS_PER_US)];
}
