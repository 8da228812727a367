// What is used of autocannon 9, which brings no types. The published @types/autocannon describe version 7, and describe the
// client's `headers` event as what it is not.

declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  /** One connection, which sends one request after the other. */
  interface Client extends EventEmitter {
    on(event: 'request' | 'timeout' | 'done', listener: () => void): this;
    on(event: 'connError', listener: (error: NodeJS.ErrnoException) => void): this;
    /** @param head  its headers are a flat list: name, value, name, value */
    on(event: 'headers', listener: (head: { readonly headers: readonly string[] }) => void): this;
    /** @param rate  requests per second of this connection; 0 or undefined for as many as are answered */
    on(
      event: 'response',
      listener: (status: number, bytes: number, durationMs: number, rate: number | undefined) => void,
    ): this;
  }

  interface Options {
    readonly url: string;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly connections: number;
    /** Seconds, fractions allowed. */
    readonly duration: number;
    /** Seconds. */
    readonly timeout: number;
    /** Requests per second over all connections. */
    readonly overallRate?: number;
    readonly maxOverallRequests: number;
    /** Stops after so many errors. */
    readonly bailout: number;
    /** Milliseconds between looks at whether it is time to stop. */
    readonly sampleInt: number;
    readonly ignoreCoordinatedOmission?: boolean;
    setupClient(client: Client): void;
  }

  interface Instance extends EventEmitter {
    stop(): void;
  }

  function autocannon(options: Options, callback: (error: Error | null) => void): Instance;
  namespace autocannon {
    export type { Client };
  }
  export = autocannon;
}
