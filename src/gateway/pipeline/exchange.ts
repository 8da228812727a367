// One request with its response, from the moment its head was read until it is recorded. The listener fills the request
// view, the pipeline moves it through its steps, and exactly one call of finish() (respond.ts) ends it.

import type { SeriesIndex } from '../../base/ids.ts';
import type { MirrorCopy } from '../backends/mirror-copy.ts';
import type { Caller } from '../consumers.ts';
import type { DataPlane } from '../data-plane.ts';
import type { Explanation } from '../explain/explanation.ts';
import type { LimitReading } from '../limiter/charge-limit.ts';
import type { LiveRoute, LiveSnapshot } from '../live-snapshot.ts';
import type { Judgement } from '../policies/auth/forward/judgement.ts';
import type { TargetPlan } from '../snapshot.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';
import type { UpstreamLoad } from '../upstream/load/upstream-load.ts';
import type { SocketOffer } from '../websocket/message-socket.ts';
import type { Verdict } from './errors.ts';
import type { HeaderLines } from './header-lines.ts';
import type { RelayedAnswer } from './relayed-answer.ts';

/** Flat: name, value, name, value …; names in lower case, duplicates in order. */
export type HeaderList = string[];

/** What becomes of the client's connection behind an answer. */
export const Ending = {
  /** It takes the next request. */
  KEEP: 0,
  /**
   * The client is told Connection: close, and what is left of its request's body is read and dropped: closing with unread
   * bytes resets the connection, and a client that is still sending may lose the answer.
   */
  LINGER: 1,
  /** It is closed at once: nothing behind the request's head is to be trusted, or the worker drains. */
  CLOSE: 2,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

/** What a listener lets each of its exchanges know. */
export interface ListenerState {
  /** Of every answer; '' for none. */
  readonly headerLines: string;
  /** Its connections end behind their next answer. */
  readonly isClosing: boolean;
}

/** The certificate that a client has shown, and that an authority of its listener's clientCa has signed. */
export interface PeerCertificate {
  /** RFC 4514: CN=orders,O=Example,C=DE */
  readonly subject: string;
  /** Its subject's alternative names: DNS:a.example, URI:spiffe://…, email:…, IP Address:… */
  readonly names: readonly string[];
  /** Of the whole certificate, SHA-256: AB:CD:… */
  readonly fingerprint256: string;
}

const SILENT_LISTENER: ListenerState = { headerLines: '', isClosing: false };

/** The response sink and the request's body, as both listener engines offer them. Never throws. */
export interface ClientStream {
  /** A whole answer at once. `body` is not sent when `bodyless` (HEAD, 204, 304), only its length is. */
  respond(status: number, lines: HeaderLines, body: string, bodyless: boolean, ending: Ending): void;
  /**
   * The head of a streamed answer.
   * @param length  bytes of the body that follows; -1 when unknown
   * @param bodyless  no body follows (HEAD, 204, 304); `length` is only told
   */
  writeHead(status: number, lines: HeaderLines, length: number, bodyless: boolean, ending: Ending): void;
  /** Takes or copies the chunk's bytes before it returns. @returns false when the client is slower than us: stop until onDrain */
  write(chunk: Uint8Array): boolean;
  /** The clean end of the answer. @param ending  what the head's came to be: the rest of a body may have arrived */
  end(ending: Ending): void;
  /** Cut the connection: what was sent so far must not look complete. */
  abort(): void;
  pauseBody(): void;
  resumeBody(): void;
}

/** A backend at work for an exchange. */
export interface BackendCall {
  /** The next piece of the request's body. The backend pauses and resumes the client itself. */
  sendBody(chunk: Buffer, last: boolean): void;
  /** The client reads again. */
  resumeAnswer(): void;
  /** A deadline of the backend's passed. */
  expire(): void;
  /** The exchange ends without this backend's answer. */
  cancel(): void;
}

/** How long a request may wait for stores. */
const STORE_WAIT_MS_MAX = 50;

/** What a method of authentication found out. */
export interface Finding {
  /** ADMIT, or an error's id; undefined while it is not known. */
  verdict: Verdict | undefined;
  detail: string;
}

export const Phase = {
  DECIDING: 0,
  PARKED: 1,
  BACKEND: 2,
  /** The answer waits until a small request body has been read and dropped. */
  DISCARDING: 3,
  DONE: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

export class Exchange {
  readonly plane: DataPlane;
  readonly stream: ClientStream;
  readonly snapshot: LiveSnapshot;
  readonly startUs: number;

  // The request view.
  method = '';
  methodIndex = -1;
  /** As the client sent it, without the query. */
  rawPath = '';
  /** With its '?', or ''. */
  query = '';
  /** The Host header as it came. */
  authority = '';
  /** Lower case, without the port. */
  host = '';
  scheme: 'http' | 'https' = 'http';
  listener: ListenerState = SILENT_LISTENER;
  headers: HeaderList = [];
  /** The listener has seen that every header value is printable ASCII. */
  hasPlainValues = false;
  /** Bytes; 0: no body; -1: chunked. */
  bodyLength = 0;
  /** What its route takes; less where a policy says so. */
  bodyBytesMax = 0;
  /** Address of the connection's peer, or what a trusted proxy says by the PROXY protocol. */
  peerAddress = '';
  /** Of the connection; undefined where the client has shown none that is to be believed. */
  peerCertificate: PeerCertificate | undefined = undefined;
  /** Address of the client: the peer's, or what trusted proxies say. */
  clientAddress = '';
  /** The peer is one of the trusted proxies. */
  peerTrusted = false;
  requestId = '';
  /** Value of the Connection header, lower case, or ''. */
  connectionHeader = '';

  /** Value of X-Sluice-Explain, or ''. */
  explainHeader = '';

  /** It asks for a WebSocket, properly. */
  isHandshake = false;
  /** Of a handshake. */
  offer: SocketOffer | undefined = undefined;

  // What the pipeline found out.
  path = '';
  route: LiveRoute | undefined = undefined;
  consumer: Caller | undefined = undefined;
  /** The upstream is not told who it is: an auth in shadow mode found out. */
  isConsumerHidden = false;
  /** Of the tightest limit that was charged; undefined when none was. */
  limitLabel = '';
  limitRemaining = 0;
  limitResetSeconds = 0;
  /** Of RateLimit-Policy, besides the route's own: what only some of its requests meet. */
  policyItems = '';
  retryAfterSeconds = 0;
  detail = '';
  /** WWW-Authenticate of an answer 401, and of 403 INSUFFICIENT_SCOPE. */
  challenge = '';
  /** A refusal is told as Tencent's gateway does, {"message":…}, instead of as problem details. */
  tellsMessageOnly = false;
  /** What methods of authentication found out that is not to be found out twice, should they be asked again. */
  findings: Map<unknown, Finding> | undefined = undefined;
  /** What is wrong with its bearer token, as WWW-Authenticate says it (RFC 6750): , error="invalid_token" */
  bearerError = '';
  /** What its client is told instead of the gateway's own words, when it is refused. */
  relayed: RelayedAnswer | undefined = undefined;
  /** Header lines for its upstream, printable ASCII: what an authoriser said of it. */
  upstreamLines = '';
  /** What authorisers said of it, by whoever asked: nobody asks twice. */
  judgements: Map<object, Judgement> | undefined = undefined;
  /** The request's end is not to be trusted: no further request is read from this connection. */
  closeAfter = false;
  /** What policies in shadow mode would have refused it with: RATE_LIMITED@shop.get-order.rate-limit.1. At most one for each. */
  shadowRejections: string[] | undefined = undefined;

  // When, by the worker's clock in microseconds; 0 while it has not come to that.
  /** First sent upstream. */
  sentUs = 0;
  /** The upstream's answer had a head. */
  answerUs = 0;
  endUs = 0;

  // Where it is.
  phase: Phase = Phase.DECIDING;
  step = 0;
  status = 0;
  /** Methods that the path has, when the method is not among them. */
  allowMask = 0;
  errorId = 0;
  call: BackendCall | undefined = undefined;
  /** Slots of the concurrency table to give back at the end. */
  permits: number[] | undefined = undefined;
  /** Where it holds a place, to be given back by load.leave(). */
  load: UpstreamLoad | undefined = undefined;
  bodyEnded = true;
  bodyBytes = 0;
  bodyChunks: Buffer[] | undefined = undefined;
  bodyPaused = false;
  /** Of slow-bodies.ts: it looks after the body; for how long it has. */
  isBodyWatched = false;
  bodyMs = 0;
  /** A policy waits for the whole body (whole-body.ts). */
  isGathering = false;
  answer: { readonly lines: HeaderLines; readonly body: string } | undefined = undefined;
  /** Of the answer's body, as handed to the client's stream. */
  answerBytes = 0;
  clientGone = false;
  /** The answer's head is on its way: from here on an error can only cut the connection. */
  headSent = false;
  /** The gateway cut the connection: the answer is missing, or not complete. */
  wasCut = false;
  /** Its snapshot's arena stays as it is (DataPlane.unpin). */
  isPinned = true;

  /** The rule of its route's `steer` that took it; '' for none. */
  steered = '';
  /** Counts what that rule took; 0 (`other`) for none. */
  steeredSeries = 0 as SeriesIndex;
  /** Header lines of cookies that the gateway sets. */
  setCookies = '';
  /** A copy for the route's mirror that is not whole yet. */
  copy: MirrorCopy | undefined = undefined;
  /** Of a fault on purpose. */
  faultStatus = 0;
  /** It is a preflight that the gateway answers: the method that is asked for. */
  preflightMethod = '';

  /** Where it was sent to. */
  target: TargetPlan | undefined = undefined;
  /** Set when its client asked how it is decided, and may know. Whoever decides something may note it. */
  explanation: Explanation | undefined = undefined;
  /** Set-Cookie of session affinity, as a header line; '' for none. */
  affinityLine = '';
  /** At upstreams, its fallback's included. */
  tries = 0;
  /** What answers instead of its upstream. */
  fallback: '' | 'upstream' | 'mock' = '';
  /** Set when it is sampled. */
  trace: TraceContext | undefined = undefined;

  // Parking (parking.ts) and deadlines (deadlines.ts) keep their links here, so that waiting allocates nothing.
  parkKey = '';
  parkVerdict = 0;
  parkNext: Exchange | undefined = undefined;
  /** When it may wait for a store no longer, however many of its limits ask one; 0 before the first. */
  storeDueMs = 0;
  dueMs = 0;
  dueBucket = -1;
  duePrevious: Exchange | undefined = undefined;
  dueNext: Exchange | undefined = undefined;

  constructor(plane: DataPlane, stream: ClientStream, snapshot: LiveSnapshot, startUs: number) {
    this.plane = plane;
    this.stream = stream;
    this.snapshot = snapshot;
    this.startUs = startUs;
  }

  /** First value of a request header (lower-case name), or ''. @hot */
  header(name: string): string {
    const headers = this.headers;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === name) return headers[i + 1] as string;
    }
    return '';
  }

  /** All values of a request header, joined as one list (RFC 9110 §5.3). */
  headerValues(name: string): string {
    let values = '';
    for (let i = 0; i < this.headers.length; i += 2) {
      if (this.headers[i] === name)
        values = values === '' ? (this.headers[i + 1] as string) : `${values},${this.headers[i + 1]}`;
    }
    return values;
  }

  /** What is left of the time that it may wait for stores, in however many of its limits; counted from its first question. */
  storeLeftMs(): number {
    const { nowMs } = this.plane.deadlines;
    if (this.storeDueMs === 0) this.storeDueMs = nowMs + STORE_WAIT_MS_MAX;
    return this.storeDueMs - nowMs;
  }

  /** Remember the limit that leaves least, or that refuses, for the RateLimit header. @hot */
  noteLimit(label: string, reading: LimitReading): void {
    const isTighter = reading.remaining < this.limitRemaining || reading.retryAfterSeconds > 0;
    if (this.limitLabel !== '' && !isTighter) return;
    this.limitLabel = label;
    this.limitRemaining = reading.remaining;
    this.limitResetSeconds = reading.resetSeconds;
  }

  /** A limit holds for it that does not hold for each of its route's requests. @hot */
  notePolicyItem(item: string): void {
    this.policyItems = this.policyItems === '' ? item : `${this.policyItems}, ${item}`;
  }
}
