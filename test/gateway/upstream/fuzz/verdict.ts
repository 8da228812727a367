// What a reader of HTTP/1.1 answers says to one, and when two of them agree.

/** The bytes that an upstream sends to one request before it ends the connection. */
export interface FuzzedAnswer {
  /** In latin1. */
  readonly bytes: string;
  /** The request was HEAD. */
  readonly isHead: boolean;
  /** Where the bytes are cut, in order. */
  readonly cuts: readonly number[];
}

export interface Verdict {
  readonly outcome: 'end' | 'failed';
  /** 0: no head was told. */
  readonly status: number;
  /** Flat, names in lower case. */
  readonly headers: readonly string[];
  /** Told so far, when it failed. */
  readonly body: string;
}

export type Judge = (answer: FuzzedAnswer) => Promise<Verdict>;

/** Of a body that fails, how much was told before depends on how it was read. */
export function agree(a: Verdict, b: Verdict): boolean {
  if (a.outcome !== b.outcome || a.status !== b.status) return false;
  if (a.headers.join('\n') !== b.headers.join('\n')) return false;
  if (a.outcome === 'end') return a.body === b.body;
  return a.body.startsWith(b.body) || b.body.startsWith(a.body);
}

export function piecesOf({ bytes, cuts }: FuzzedAnswer): readonly string[] {
  const ends = [...cuts, bytes.length];
  return ends.map((end, index) => bytes.slice(index === 0 ? 0 : ends[index - 1], end)).filter((piece) => piece !== '');
}
