// The part of a log line that is the same for every request of a route, escaped once.

export class LogNames {
  /** ,"service":"shop","route":"get-order" */
  readonly route: Uint8Array;
  /** ,"upstream":"orders" */
  readonly upstream: Uint8Array;

  /** Names as the configuration takes them: at most 64 letters, digits, - and _. */
  constructor(service: string, route: string, upstream: string) {
    this.route = Buffer.from(`,"service":${JSON.stringify(service)},"route":${JSON.stringify(route)}`);
    this.upstream = Buffer.from(`,"upstream":${JSON.stringify(upstream)}`);
  }
}
