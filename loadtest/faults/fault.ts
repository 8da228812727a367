// What a fault proxy does to the connections that pass through it.
//
//   pass       what comes is passed on, both ways
//   refuse     nobody listens (connects are refused), and what was open is reset: a process that was killed
//   hang-up    a connection is accepted and ended: at once, or when a request has come; the upstream never sees it
//   silent     requests are taken and never answered; answers under way stop: a process that was stopped
//   cut        of each answer so many bytes are passed, then the connection is ended, or stays open and says no more.
//              The upstream has seen the request. afterBytes: 0 ends it when the answer's first byte has come.
//   delay      every piece of an answer arrives so much later
//   throttle   answers pass in pieces of so many bytes, one every so many milliseconds: slow heads, slow bodies
//   answer     these bytes instead of the upstream's answer, which never sees the request: garbage

export type Fault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'hang-up'; readonly at: 'connect' | 'request'; readonly how: 'close' | 'reset' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how: CutEnd }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly bytes: number; readonly everyMs: number }
  | { readonly kind: 'answer'; readonly bytes: string };

/** half-close: a FIN, and what the other side says is still read; stall: nothing more is said. */
export type CutEnd = 'close' | 'reset' | 'half-close' | 'stall';

/** The head of a request that came to the proxy, passed on or not. */
export interface ProxiedRequest {
  /** performance.now() */
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
}
