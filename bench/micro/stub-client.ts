import type { ClientStream } from '../../src/gateway/pipeline/exchange.ts';

/** A client that takes everything and keeps the status. */
export class StubClient implements ClientStream {
  status = 0;

  respond(status: number): void {
    this.status = status;
  }

  writeHead(status: number): void {
    this.status = status;
  }

  write(): boolean {
    return true;
  }

  end(): void {}
  abort(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
}
