// What an upstream sends in answer to one request, and what has to be told of it, wherever the network cuts the bytes.

export interface AnswerScript {
  /** Goes on after 'an answer'. */
  readonly name: string;
  /** In latin1. */
  readonly bytes: string;
  /** Of the request; GET unless said otherwise. */
  readonly method?: 'HEAD';
  /** The upstream ends the connection behind the bytes. */
  readonly ends?: boolean;
  readonly told: Told;
}

export interface Told {
  readonly outcome: 'end' | 'invalid';
  /** 0: no head is told. */
  readonly status: number;
  /** Flat, names in lower case; what an invalid answer's head had is not looked at. */
  readonly headers: readonly string[];
  /** Of an invalid answer, as much as may be told. */
  readonly body: string;
}

/** A script as it is written in a table. */
export type ScriptRow = Omit<AnswerScript, 'told'> & Partial<Told>;

export const OK = 'HTTP/1.1 200 OK\r\n';
export const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

/** An answer that is whole: 200, without headers or a body, unless the row says otherwise. */
export function takenScript({ name, bytes, method, ends, ...told }: ScriptRow): AnswerScript {
  return {
    name,
    bytes,
    ...(method === undefined ? {} : { method }),
    ...(ends === undefined ? {} : { ends }),
    told: { outcome: 'end', status: 200, headers: [], body: '', ...told },
  };
}

/** An answer of which not even the head is told. */
export function refusedScript([name, bytes]: readonly [string, string]): AnswerScript {
  return { name, bytes, told: { outcome: 'invalid', status: 0, headers: [], body: '' } };
}

/** An answer in chunks that goes wrong behind its head. @param body  of which no more than this may be told */
export function brokenScript(name: string, rest: string, body: string, ends = false): AnswerScript {
  return { name, bytes: CHUNKED + rest, ends, told: { outcome: 'invalid', status: 200, headers: [], body } };
}

// Every boundary of more would be too many.
const EVERY_BOUNDARY_BYTES_MAX = 1_024;
const PIECE_BYTES = 1_000;

/** Whole, in two pieces at every boundary, and byte by byte; a long one whole, in thousands, and cut beside both ends. */
export function waysToSplit(bytes: string): readonly (readonly string[])[] {
  if (bytes.length > EVERY_BOUNDARY_BYTES_MAX) {
    return [[bytes], inPieces(bytes, PIECE_BYTES), inTwo(bytes, 1), inTwo(bytes, bytes.length - 1)];
  }
  const boundaries = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
  return [[bytes], ...boundaries.map((at) => inTwo(bytes, at)), inPieces(bytes, 1)];
}

function inTwo(bytes: string, at: number): readonly string[] {
  return [bytes.slice(0, at), bytes.slice(at)];
}

function inPieces(bytes: string, size: number): readonly string[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}
