// One check of one target: connect, ask, look at the status. What comes of it is told once, in time.

import { request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { printDuration } from '../../base/units.ts';
import type { HealthConfig, TargetConfig } from '../config/config.ts';
import type { CheckConnector } from './check-connector.ts';
import { CHECK_OK, type CheckResult, type CheckVerdict } from './check-result.ts';

export interface CheckTask {
  readonly target: TargetConfig;
  readonly plan: CheckPlan;
}

/** How the targets of an upstream are checked. */
export interface CheckPlan {
  readonly settings: HealthConfig;
  readonly connector: CheckConnector;
  readonly http2: boolean;
}

/** Ends a check; its result is not told any more. */
export type CancelCheck = () => void;

// Of an answer's body nothing is kept; past so much it is not read to its end either.
const BODY_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const USER_AGENT = 'sluice-health-check';

/** What the system says, as a clause. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name not found',
  ENOENT: 'no such socket',
  EPIPE: 'connection reset',
};

export function checkTarget(task: CheckTask, onEnd: (result: CheckResult) => void): CancelCheck {
  const check = new Check(task, onEnd);
  check.start();
  return () => check.cancel();
}

class Check {
  readonly #task: CheckTask;
  readonly #onEnd: (result: CheckResult) => void;
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | undefined;
  #session: ClientHttp2Session | undefined;
  #isConnected = false;
  #isEnded = false;
  #bodyBytes = 0;

  constructor(task: CheckTask, onEnd: (result: CheckResult) => void) {
    this.#task = task;
    this.#onEnd = onEnd;
    const { timeoutMs } = task.plan.settings;
    const onTimeout = (): void => this.#fail('timeout', `nothing within ${printDuration(timeoutMs)}`);
    // What has arrived while this thread was held up counts: timers run before it is read.
    this.#timer = setTimeout(() => setImmediate(onTimeout), timeoutMs);
  }

  start(): void {
    const { target } = this.#task;
    const { settings, connector, http2 } = this.#task.plan;
    try {
      const isHttp = settings.path !== '';
      const socket = isHttp ? connector.open(target) : connector.openTcp(target);
      this.#socket = socket;
      socket.on('error', (error) => this.#onError(error));
      socket.once(isHttp && target.origin.startsWith('https:') ? 'secureConnect' : 'connect', () => {
        this.#isConnected = true;
        if (!isHttp) this.#end(CHECK_OK);
        else if (http2) this.#askHttp2(socket as TLSSocket);
      });
      if (isHttp && !http2) this.#ask(socket);
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  cancel(): void {
    this.#isEnded = true;
    this.#close();
  }

  #ask(socket: Socket): void {
    const { target } = this.#task;
    const { settings } = this.#task.plan;
    const req = request({
      createConnection: () => socket,
      path: target.basePath + settings.path,
      headers: {
        host: settings.host === '' ? target.authority : settings.host,
        'user-agent': USER_AGENT,
        accept: '*/*',
        connection: 'close',
      },
      maxHeaderSize: HEADER_BYTES_MAX,
    });
    req.on('error', (error) => this.#onError(error));
    req.on('upgrade', () => this.#fail('status', 'status 101'));
    req.on('response', (res) => {
      if (!this.#takeStatus(res.statusCode ?? 0)) return;
      res.on('data', (chunk: Buffer) => this.#takeBody(chunk));
      res.on('error', (error) => this.#onError(error));
      res.on('end', () => this.#end(CHECK_OK));
    });
    req.end();
  }

  #askHttp2(socket: TLSSocket): void {
    if (socket.alpnProtocol !== 'h2') return this.#fail('invalid', 'the target does not speak HTTP/2');
    const { target } = this.#task;
    const { settings } = this.#task.plan;
    const session = connect(target.origin, { createConnection: () => socket });
    this.#session = session;
    session.on('error', (error) => this.#onError(error));
    const stream = session.request({
      ':path': target.basePath + settings.path,
      ':authority': settings.host === '' ? target.authority : settings.host,
      'user-agent': USER_AGENT,
    });
    stream.on('error', (error) => this.#onError(error));
    stream.on('response', (headers) => {
      if (!this.#takeStatus(headers[':status'] ?? 0)) return;
      stream.on('data', (chunk: Buffer) => this.#takeBody(chunk));
      stream.on('end', () => this.#end(CHECK_OK));
    });
    stream.end();
  }

  /** @returns whether it is worth reading on */
  #takeStatus(status: number): boolean {
    const isFine = this.#task.plan.settings.statuses.some(([from, to]) => status >= from && status <= to);
    if (!isFine) this.#fail('status', `status ${status}`);
    return isFine;
  }

  #takeBody(chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > BODY_BYTES_MAX) this.#end(CHECK_OK);
  }

  #onError(error: Error & { readonly code?: string }): void {
    const { code = '' } = error;
    if (this.#isConnected) this.#fail('invalid', REASONS[code] ?? `no valid answer (${code || error.message})`);
    else this.#fail('unreachable', REASONS[code] ?? `no connection (${code || error.message})`);
  }

  #fail(verdict: CheckVerdict, reason: string): void {
    this.#end({ verdict, reason });
  }

  #end(result: CheckResult): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#close();
    this.#onEnd(result);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#session?.destroy();
    this.#socket?.destroy();
  }
}
