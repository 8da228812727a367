// A parser of HTTP/1.1 responses, strict where leniency has been the hole in other proxies (RFC 9112): CRLF ends lines and
// nothing else does, a message has one framing, no byte follows a message that it did not announce.
//
// It is a state machine over bytes: one read may hold a part of a response, or several. What it needs to keep of a head that
// is not whole it copies to a buffer of its own (bounded by HEAD_BYTES_MAX), so that the bytes of a read may be reused as
// soon as read() returns. Bodies are never copied.
//
//   state       reads                                     goes on to
//   ----------------------------------------------------------------------------------------------------
//   IDLE        nothing: any byte is one too many         STATUS, by expect()
//   STATUS      'HTTP/1.1 200 ' (status-line.ts)          REASON, LINE_LF
//   REASON      to CR                                     LINE_LF
//   LINE_LF     LF, behind a line                         LINE
//   LINE        CR, or a name's first byte                END_LF, NAME
//   NAME        token characters to ':'                   OWS
//   OWS         spaces and tabs in front of the value     VALUE
//   VALUE       to CR                                     LINE_LF
//   END_LF      LF, behind a head or trailers             the body's state; IDLE
//   LENGTH      as many bytes as were announced           IDLE
//   UNTIL_END   everything                                IDLE, by finish()
//   SIZE        a chunk's size to CR (chunk-size.ts)      SIZE_LF
//   SIZE_LF     LF                                        DATA, LINE (trailers)
//   DATA        the chunk                                 DATA_CR
//   DATA_CR, DATA_LF                                      SIZE

import { AnswerHead } from '../answer-head.ts';
import { classifyName, kindOf, OWN_BIT } from '../field-names.ts';
import { byteKinds, COLON, CR, LF, NAME_BYTE, SPACE, TAB, VALUE_BYTE } from './bytes.ts';
import { ChunkSize } from './chunk-size.ts';
import { HeldBytes } from './held-bytes.ts';
import { MessageFraming } from './message-framing.ts';
import { StatusLine } from './status-line.ts';

/** All 1xx heads, the head and the trailers of one answer together. */
export const HEAD_BYTES_MAX = 64 * 1024;
export const INTERIM_COUNT_MAX = 16;

/** read() met something that is no response. */
export const INVALID = -1;

const State = {
  STATUS: 0,
  REASON: 1,
  LINE_LF: 2,
  LINE: 3,
  NAME: 4,
  OWS: 5,
  VALUE: 6,
  END_LF: 7,
  // From here on: the body.
  LENGTH: 8,
  UNTIL_END: 9,
  SIZE: 10,
  SIZE_LF: 11,
  DATA: 12,
  DATA_CR: 13,
  DATA_LF: 14,
  IDLE: 15,
  BROKEN: 16,
} as const;
type State = (typeof State)[keyof typeof State];

/** Whom a parser tells. */
export interface ResponseSink {
  /** The final head; 1xx are dropped. Valid during the call only. */
  onHead(head: AnswerHead): void;
  /** A piece of the body, without any framing: bytes from start to end. They belong to the reader of the socket. */
  onBody(bytes: Buffer, start: number, end: number): void;
  /** The answer is whole. read() returns behind this call. */
  onComplete(): void;
}

export class ResponseParser {
  readonly #sink: ResponseSink;
  readonly #head = new AnswerHead();
  readonly #framing: MessageFraming;
  readonly #statusLine = new StatusLine();
  readonly #chunkSize = new ChunkSize();
  readonly #held = new HeldBytes();
  #state: State = State.IDLE;
  #answersHead = false;
  #hasBytes = false;
  #keepsAlive = false;
  #interims = 0;
  // Of the field that is being read: places from the head's start.
  #nameStart = 0;
  #nameEnd = 0;
  #valueStart = 0;
  /** All bytes of values, or-ed. */
  #or = 0;
  #inTrailers = false;
  /** Bytes left of the body or the chunk. */
  #left = 0;
  /** Bytes of heads and trailers so far. */
  #headBytes = 0;
  /** Where in the bytes that are being read the counting stands. */
  #countedTo = 0;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
    this.#framing = new MessageFraming(this.#head);
  }

  /** A request was sent: an answer is due. @param isHead  it was HEAD: the answer has no body @hot */
  expect(isHead: boolean): void {
    this.#answersHead = isHead;
    this.#hasBytes = false;
    this.#interims = 0;
    this.#headBytes = 0;
    this.#chunkSize.reset();
    this.#beginHead();
  }

  /** A byte of the answer (of a 1xx, too) has come. */
  get hasBytes(): boolean {
    return this.#hasBytes;
  }

  /** Once the answer is whole: the connection may take another request. */
  get keepsAlive(): boolean {
    return this.#keepsAlive;
  }

  /** How long the upstream keeps an unused connection (Keep-Alive: timeout=); -1 when it did not say. */
  get idleSeconds(): number {
    return this.#framing.idleSeconds;
  }

  /**
   * @param bytes  of which those from start to end are new
   * @returns behind the answer's last byte, or `end` when there is more to come, or INVALID
   * @hot
   */
  read(bytes: Buffer, start: number, end: number): number {
    if (start === end) return end;
    if (this.#state === State.IDLE || this.#state === State.BROKEN) return this.#break();
    let at = start;
    while (at < end) {
      // Here, not above: behind one answer another may begin.
      this.#hasBytes = true;
      at = this.#isInHead() ? this.#readHead(bytes, at, end) : this.#readBody(bytes, at, end);
      if (at === INVALID) return this.#break();
      if ((this.#state as State) === State.IDLE) return at;
    }
    return at;
  }

  /** The answer under way has no other end than the connection's. */
  get isUntilEnd(): boolean {
    return this.#state === State.UNTIL_END;
  }

  /** The connection has ended, cleanly. @returns true when that was the end of the answer */
  finish(): boolean {
    if (this.#state !== State.UNTIL_END) return false;
    this.#complete();
    return true;
  }

  /** Nobody wants the rest: read() takes nothing more. */
  stop(): void {
    this.#state = State.BROKEN;
  }

  #break(): number {
    this.#state = State.BROKEN;
    return INVALID;
  }

  #complete(): void {
    this.#state = State.IDLE;
    this.#sink.onComplete();
  }

  #isInHead(): boolean {
    return this.#state <= State.END_LF && !this.#inTrailers;
  }

  #beginHead(): void {
    this.#state = State.STATUS;
    this.#statusLine.reset();
    this.#inTrailers = false;
    this.#or = 0;
    this.#held.count = 0;
    this.#head.reset();
    this.#framing.reset();
  }

  // While a head is read its bytes are one piece of memory: the read's own, or, when it comes in several reads, the held
  // bytes, to which each read is added. A head whose first read is not its last is read anew from there.
  #readHead(bytes: Buffer, start: number, end: number): number {
    if (this.#held.count > 0) return this.#readHeldHead(bytes, start, end);
    const before = this.#headBytes;
    const at = this.#readBounded(bytes, start, end);
    if (at === INVALID || !this.#isInHead() || (this.#state === State.STATUS && this.#statusLine.isEmpty)) return at;
    this.#headBytes = before;
    this.#beginHead();
    return this.#readHeldHead(bytes, start, end);
  }

  #readHeldHead(bytes: Buffer, start: number, end: number): number {
    const before = this.#held.count;
    // One byte more than may be makes it too many.
    const held = this.#held.add(bytes, start, Math.min(end, start + HEAD_BYTES_MAX + 1 - this.#headBytes));
    const at = this.#readBounded(held, before, this.#held.count);
    if (at === INVALID) return INVALID;
    if (!this.#isInHead()) this.#held.count = 0;
    return start + (at - before);
  }

  /** Lines, as far as those of one answer may go. */
  #readBounded(bytes: Buffer, start: number, end: number): number {
    const limit = Math.min(end, start + HEAD_BYTES_MAX - this.#headBytes);
    this.#countedTo = start;
    const at = this.#readLines(bytes, start, limit);
    if (at === INVALID) return INVALID;
    this.#countTo(at);
    return at === limit && limit < end && this.#state <= State.END_LF ? INVALID : at;
  }

  #countTo(at: number): void {
    this.#headBytes += at - this.#countedTo;
    this.#countedTo = at;
  }

  /** Lines of a head or of trailers. @returns behind the empty line that ends them, or end, or INVALID @hot */
  #readLines(bytes: Buffer, at: number, end: number): number {
    while (at < end) {
      switch (this.#state) {
        case State.STATUS:
          at = this.#statusLine.read(bytes, at, end);
          if (this.#statusLine.endedBy === SPACE) this.#state = State.REASON;
          else if (this.#statusLine.endedBy === CR) this.#state = State.LINE_LF;
          break;
        case State.REASON:
          while (at < end && (byteKinds[bytes[at] as number] as number) >= VALUE_BYTE) at++;
          if (at < end) at = this.#expectByte(bytes, at, CR, State.LINE_LF);
          break;
        case State.LINE_LF:
          at = this.#expectByte(bytes, at, LF, State.LINE);
          break;
        case State.LINE:
          if (bytes[at] === CR) {
            this.#state = State.END_LF;
            at++;
            break;
          }
          if (((byteKinds[bytes[at] as number] as number) & NAME_BYTE) === 0) return INVALID;
          this.#nameStart = at;
          this.#state = State.NAME;
          break;
        case State.NAME:
          while (at < end && ((byteKinds[bytes[at] as number] as number) & NAME_BYTE) !== 0) at++;
          if (at === end) return end;
          this.#nameEnd = at;
          at = this.#expectByte(bytes, at, COLON, State.OWS);
          break;
        case State.OWS:
          while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
          this.#valueStart = at;
          if (at < end) this.#state = State.VALUE;
          break;
        case State.VALUE:
          at = this.#readValue(bytes, at, end);
          break;
        case State.END_LF:
          if (bytes[at] !== LF) return INVALID;
          return this.#endLines(bytes, at + 1);
        default:
          return INVALID;
      }
      if (at === INVALID) return INVALID;
    }
    return at;
  }

  #expectByte(bytes: Buffer, at: number, code: number, next: State): number {
    if (bytes[at] !== code) return INVALID;
    this.#state = next;
    return at + 1;
  }

  #readValue(bytes: Buffer, at: number, end: number): number {
    let or = this.#or;
    while (at < end) {
      const code = bytes[at] as number;
      if ((byteKinds[code] as number) < VALUE_BYTE) break;
      or |= code;
      at++;
    }
    this.#or = or;
    if (at === end) return end;
    if (bytes[at] !== CR) return INVALID;
    this.#state = State.LINE_LF;
    if (this.#inTrailers) return at + 1;
    let valueEnd = at;
    while (valueEnd > this.#valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--;
    return this.#takeField(bytes, valueEnd) ? at + 1 : INVALID;
  }

  #takeField(bytes: Buffer, valueEnd: number): boolean {
    const classified = classifyName(bytes, this.#nameStart, this.#nameEnd);
    if (!this.#head.add(this.#nameStart, this.#nameEnd, this.#valueStart, valueEnd, kindOf(classified))) return false;
    return this.#framing.take(classified & ~OWN_BIT, bytes, this.#valueStart, valueEnd);
  }

  #endLines(bytes: Buffer, at: number): number {
    // Before the sink is told: it may begin another answer.
    this.#countTo(at);
    if (this.#inTrailers) {
      this.#complete();
      return at;
    }
    const { status, minorVersion } = this.#statusLine;
    if (status < 200) {
      // Nobody asked for an upgrade here.
      if (status === 101 || ++this.#interims > INTERIM_COUNT_MAX) return INVALID;
      this.#beginHead();
      return at;
    }
    if (!this.#framing.isSound(minorVersion)) return INVALID;
    const head = this.#head;
    head.status = status;
    head.isAscii = this.#or < 0x80;
    // Without the empty line.
    head.seal(bytes, at - 2);
    const hasBody = !this.#answersHead && status !== 204 && status !== 304;
    this.#keepsAlive = this.#framing.keepsAlive(minorVersion);
    if (!hasBody || head.length === 0) this.#state = State.IDLE;
    else this.#beginBody();
    this.#sink.onHead(head);
    // The sink may have had enough, and stopped the parser.
    if ((this.#state as State) === State.IDLE) this.#sink.onComplete();
    return at;
  }

  #beginBody(): void {
    if (this.#framing.isChunked) {
      this.#state = State.SIZE;
    } else if (this.#head.length > 0) {
      this.#state = State.LENGTH;
      this.#left = this.#head.length;
    } else {
      this.#state = State.UNTIL_END;
      this.#keepsAlive = false;
    }
  }

  /** One step of a body. @hot */
  #readBody(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case State.LENGTH:
      case State.DATA:
        return this.#readData(bytes, at, end);
      case State.UNTIL_END:
        this.#sink.onBody(bytes, at, end);
        return end;
      case State.SIZE: {
        const behind = this.#chunkSize.read(bytes, at, end);
        if (this.#chunkSize.isWhole) this.#state = State.SIZE_LF;
        return behind;
      }
      case State.SIZE_LF:
        this.#left = this.#chunkSize.value;
        this.#inTrailers = this.#left === 0;
        return this.#expectByte(bytes, at, LF, this.#inTrailers ? State.LINE : State.DATA);
      case State.DATA_CR:
        return this.#expectByte(bytes, at, CR, State.DATA_LF);
      case State.DATA_LF:
        this.#chunkSize.next();
        return this.#expectByte(bytes, at, LF, State.SIZE);
      default:
        return this.#inTrailers ? this.#readBounded(bytes, at, end) : INVALID;
    }
  }

  #readData(bytes: Buffer, at: number, end: number): number {
    const behind = Math.min(end, at + this.#left);
    this.#left -= behind - at;
    const isLast = this.#left === 0;
    const isChunk = this.#state === State.DATA;
    if (isLast) this.#state = isChunk ? State.DATA_CR : State.IDLE;
    this.#sink.onBody(bytes, at, behind);
    if ((this.#state as State) === State.IDLE) this.#sink.onComplete();
    return behind;
  }
}
