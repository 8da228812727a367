// Reads an OTLP export of traces from its protobuf bytes, by the field numbers of opentelemetry-proto 1.x (trace.proto,
// common.proto): not with the library that wrote them.

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  /** SPAN_KIND_SERVER is 2, SPAN_KIND_CLIENT is 3. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly timeNs: bigint }[];
  /** STATUS_CODE_ERROR is 2. */
  readonly statusCode: number;
  /** Attributes of the resource. */
  readonly resource: Readonly<Record<string, unknown>>;
}

type Value = bigint | Buffer;
/** Values by field number, in their order. */
type Message = ReadonlyMap<number, readonly Value[]>;

/** @throws when the bytes are no such export */
export function decodeOtlp(bytes: Buffer): readonly ReceivedSpan[] {
  return messages(decode(bytes), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? new Map(), 1);
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => readSpan(span, resource)),
    );
  });
}

function readSpan(span: Message, resource: Readonly<Record<string, unknown>>): ReceivedSpan {
  const status = messages(span, 15)[0] ?? new Map();
  return {
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    traceState: bytesOf(span, 3).toString(),
    parentSpanId: bytesOf(span, 4).toString('hex'),
    name: bytesOf(span, 5).toString(),
    kind: Number(integer(span, 6)),
    startNs: integer(span, 7),
    endNs: integer(span, 8),
    attributes: attributesOf(span, 9),
    events: messages(span, 11).map((event) => ({ timeNs: integer(event, 1), name: bytesOf(event, 2).toString() })),
    statusCode: Number(integer(status, 3)),
    flags: Number(integer(span, 16)),
    resource,
  };
}

/** KeyValue { key = 1, value = 2 { string = 1, bool = 2, int = 3, double = 4 } } */
function attributesOf(message: Message, field: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(message, field).map((entry) => {
      const value = messages(entry, 2)[0] ?? new Map();
      const [kind] = [...value.keys()];
      const read = { 1: () => bytesOf(value, 1).toString(), 2: () => integer(value, 2) === 1n }[kind as 1 | 2];
      return [bytesOf(entry, 1).toString(), read === undefined ? Number(integer(value, kind as number)) : read()];
    }),
  );
}

function messages(message: Message, field: number): Message[] {
  return (message.get(field) ?? []).map((value) => decode(value as Buffer));
}

function bytesOf(message: Message, field: number): Buffer {
  return (message.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
}

function integer(message: Message, field: number): bigint {
  return (message.get(field)?.[0] as bigint | undefined) ?? 0n;
}

/** The wire format: a tag (field number and wire type), then a varint, 8 bytes, a length and bytes, or 4 bytes. */
function decode(bytes: Buffer): Message {
  const fields = new Map<number, Value[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('the message ends early');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, values);
    const wireType = tag & 7;
    if (wireType === 0) values.push(varint());
    else if (wireType === 1) values.push(take(8).readBigUInt64LE());
    else if (wireType === 2) values.push(take(Number(varint())));
    else if (wireType === 5) values.push(BigInt(take(4).readUInt32LE()));
    else throw new Error(`wire type ${wireType}`);
  }
  return fields;
}
