// Spans as they travel: from a gateway worker, packed, through the main thread to the task that exports them. Data only, so
// that the control plane may know it.

/** As OpenTelemetry's API numbers them. */
export const SpanKind = { SERVER: 1, CLIENT: 2 } as const;
export type SpanKind = (typeof SpanKind)[keyof typeof SpanKind];

export interface SpanData {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** 16 hexadecimal digits; '' when the trace begins here. */
  readonly parentSpanId: string;
  /** The parent is a span of another process. */
  readonly isParentRemote: boolean;
  /** Of traceparent. */
  readonly flags: number;
  /** The tracestate that came; '' for none. */
  readonly traceState: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Microseconds of the monotonic clock. */
  readonly startUs: number;
  readonly endUs: number;
  /** When the answer's head came; 0 when none did. */
  readonly answerUs: number;
  readonly isFailed: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** What `SpanBatch.bytes` holds. */
export interface PackedSpans {
  /** What to add to a span's moments to get microseconds since 1970. */
  readonly epochOffsetUs: number;
  readonly spans: readonly SpanData[];
}

export interface SpanBatch {
  readonly spanCount: number;
  /** PackedSpans, as MessagePack: the main thread forwards them without a look inside. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}
