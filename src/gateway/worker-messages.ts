// What the main thread and a gateway worker say to each other, over one MessagePort per worker. Data only, so that the
// control plane may know it.

import type { SpanBatch } from './telemetry/span-data.ts';

/** A certificate with its chain and its key: texts that were checked, and the files that they came from. */
export interface CertificatePlan {
  /** In lower case; *.example.com for one label. None: it is the default's, for clients that ask for no name, or for an unknown one. */
  readonly hosts: readonly string[];
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM. */
  readonly cert: string;
  /** PEM, a secret: never to be shown or logged. */
  readonly key: string;
}

/** What a listener needs to speak TLS. */
export interface TlsPlan {
  /** The default's first. */
  readonly certificates: readonly CertificatePlan[];
  /** In OpenSSL's form, of TLS 1.2; '' for those of the library. */
  readonly ciphers: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** PEM: whose clients' certificates are believed; '' for none. */
  readonly clientCa: string;
  readonly clientAuth: 'none' | 'request' | 'require';
  /** Value of Strict-Transport-Security; '' for no such header. */
  readonly hsts: string;
}

/** What a listener is but for its address. */
export interface ListenerTraits {
  /** undefined: it speaks plain HTTP. */
  readonly tls: TlsPlan | undefined;
  /** Everything is answered with a redirect to https on this port; 0: nothing is. */
  readonly redirectPort: number;
}

export interface RequestLimits {
  readonly headerBytesMax: number;
  /** Refuse bodies of unknown length (411). */
  readonly refuseChunked: boolean;
  /** Of a WebSocket, either way. */
  readonly messageBytesMax: number;
}

export interface UwsListenerOptions extends RequestLimits, ListenerTraits {
  /** Seconds without a byte, before, in or after a request; uWebSockets.js has this one timer. */
  readonly idleTimeoutSeconds: number;
  /** How long a client may take nothing of an answer that is whole. */
  readonly flushTimeoutMs: number;
  /** Of this worker. */
  readonly connectionsMax: number;
}

export interface NodeListenerOptions extends RequestLimits, ListenerTraits {
  /** Connections of trusted proxies begin with a header of the PROXY protocol, version 2. */
  readonly proxyProtocol: boolean;
  /** '' for every address. */
  readonly host: string;
  readonly port: number;
  /** Several workers may listen on the port at once (Node 22.12 and newer). */
  readonly reusePort: boolean;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
  /** Of one client's address; 0: no limit. */
  readonly connectionsPerAddress: number;
}

export interface ListenerSettings {
  /** Connections of one client's address, all workers together, and how many these are; 0: no limit. */
  readonly connectionsPerAddress: number;
  readonly workerCount: number;
  /** Apps that the main thread hands connections to, one for each listener with engine: uws. */
  readonly uws: readonly UwsListenerOptions[];
  /** Servers that this worker runs itself. */
  readonly node: readonly NodeListenerOptions[];
}

/** undefined for listeners that speak plain HTTP. */
export interface ListenerTls {
  readonly uws: readonly (TlsPlan | undefined)[];
  readonly node: readonly (TlsPlan | undefined)[];
}

/** May a request pass a rate limit? The worker's number of the question; the limit's identity; the key's hash. */
export type LimitQuestion = readonly [number: number, idLow: number, idHigh: number, low: number, high: number];

/** @property shortfall  0: it may; above: it may not; -1: whoever was asked does not know the limit */
export type LimitAnswer = readonly [
  number: number,
  shortfall: number,
  remaining: number,
  resetSeconds: number,
  retryAfterSeconds: number,
];

/** A request found nothing in its share: the limit's identity, the key's hash on this instance, and what it is made of. */
export type LeaseQuestion = readonly [idLow: number, idHigh: number, low: number, high: number, key: string];

/** What became of it: look again; there is no such limit any more; there is no room for another key. */
export const LeaseVerdict = { AGAIN: 0, NO_LIMIT: 1, NO_ROOM: 2 } as const;
export type LeaseVerdict = (typeof LeaseVerdict)[keyof typeof LeaseVerdict];

/** For all that wait for a key. */
export type LeaseAnswer = readonly [low: number, high: number, verdict: LeaseVerdict];

/** Is a nonce new to all instances? The worker's number of the question; what the nonce is known by; how long it is remembered. */
export type NonceQuestion = readonly [number: number, digest: string, ttlMs: number];

/** @property isNew  undefined: the store was asked in vain */
export type NonceAnswer = readonly [number: number, isNew: boolean | undefined];

/** A block of a consumer's quota is needed, now or soon. */
export interface QuotaNeed {
  /** What exchanges wait for. */
  readonly key: string;
  /** Hash of the quota and the consumer. */
  readonly low: number;
  readonly high: number;
  readonly quota: string;
  readonly consumer: string;
  /** Requests in the window. */
  readonly max: number;
  /** Index in the quota table. */
  readonly calendar: number;
}

/**
 * A credential that counts no longer, or not for as long as older snapshots say.
 * @property version  of the stored consumers: snapshots made of this one or a later one know it by themselves
 * @property digest  what finds it in a snapshot, 32 bytes
 * @property untilMs  since 1970; 0: it counts no more
 */
export type KeyCurb = readonly [version: number, digest: Uint8Array, untilMs: number];

export type ToWorker =
  /** Hold a snapshot ready. */
  | { readonly type: 'attach'; readonly epoch: number; readonly arena: number; readonly buffer: SharedArrayBuffer }
  /** A snapshot that was held ready is not coming. */
  | { readonly type: 'discard'; readonly epoch: number }
  /** Start serving: the epoch has been raised to an attached snapshot. */
  | { readonly type: 'open'; readonly listeners: ListenerSettings }
  /** Hold other certificates ready, for each of its listeners in their order. */
  | { readonly type: 'prepare-tls'; readonly round: number; readonly tls: ListenerTls }
  /**
   * New connections meet them from now on: the main thread hands none out to the apps before any more.
   * @property timeoutMs  how long connections of those may last
   */
  | { readonly type: 'use-tls'; readonly round: number; readonly timeoutMs: number }
  /** They are not coming. */
  | { readonly type: 'discard-tls'; readonly round: number }
  /** Accept no more connections. */
  | { readonly type: 'stop-listening' }
  /** Open the access log's file anew: it may have been moved away. */
  | { readonly type: 'reopen-log' }
  /** Rate limits are another process's to decide from now on, or this one's again. */
  | { readonly type: 'ask-limits'; readonly isOn: boolean }
  /** There is a block of this quota, or nothing is left of it. */
  | { readonly type: 'quota-granted'; readonly key: string }
  /** From now on these count so, whatever snapshots say; to be answered with the number. */
  | { readonly type: 'curb'; readonly number: number; readonly curbs: readonly KeyCurb[] }
  | { readonly type: 'limit-answers'; readonly answers: readonly LimitAnswer[] }
  | { readonly type: 'lease-answer'; readonly answer: LeaseAnswer }
  /** How many connections each address has, as the system tells. */
  | { readonly type: 'connection-counts'; readonly counts: readonly (readonly [address: string, count: number])[] }
  | { readonly type: 'nonce-answer'; readonly answer: NonceAnswer }
  /**
   * Finish what is under way.
   * @property quietMs  no request for so long means that no connection is in use any more
   */
  | { readonly type: 'drain'; readonly timeoutMs: number; readonly quietMs: number }
  /** The worker is out of distribution: it may close its app and end. */
  | { readonly type: 'removed' };

export type FromWorker =
  | { readonly type: 'attached'; readonly epoch: number }
  /**
   * It serves.
   * @property descriptors  of its uWebSockets.js apps, for the acceptors, in the order of the listeners
   * @property ports  of the node servers, in their order
   */
  | { readonly type: 'ready'; readonly descriptors: readonly number[]; readonly ports: readonly number[] }
  /**
   * It holds the certificates ready.
   * @property descriptors  as in `ready`: of those apps that new connections are to meet
   * @property problem  why it cannot; '' when it can
   */
  | {
      readonly type: 'tls-prepared';
      readonly round: number;
      readonly descriptors: readonly number[];
      readonly problem: string;
    }
  | { readonly type: 'stopped-listening' }
  /** No rate limit is charged in this worker's name any more, or again. */
  | { readonly type: 'asks-limits'; readonly isOn: boolean }
  /** No request is admitted any more by what was curbed. */
  | { readonly type: 'curbed'; readonly number: number }
  | { readonly type: 'quota-need'; readonly need: QuotaNeed }
  | { readonly type: 'limit-question'; readonly question: LimitQuestion }
  | { readonly type: 'lease-question'; readonly question: LeaseQuestion }
  /** New counts of connections are needed. */
  | { readonly type: 'count-connections' }
  | { readonly type: 'nonce-question'; readonly question: NonceQuestion }
  /** Spans that have ended; the bytes are transferred. */
  | { readonly type: 'spans'; readonly batch: SpanBatch }
  /** The access log cannot be written, or not fast enough. */
  | { readonly type: 'log-trouble'; readonly message: string }
  /** @property cut  exchanges that did not finish in time */
  | { readonly type: 'drained'; readonly cut: number }
  /** An error that nobody caught: take me out of distribution. */
  | { readonly type: 'failed'; readonly error: string };
