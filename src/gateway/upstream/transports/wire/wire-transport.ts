// The transport over our own HTTP/1.1 client: a bounded pool of connections to one target.
//
// A request takes the connection that was used last, so that those that are not needed grow old and are closed. Without a
// free one it waits, in order and bounded, while a new connection is made. No timer is armed for a request: one coarse tick
// per pool sees to connects that take too long, idle connections, and the warm minimum.

import { SocketConnector } from '../socket-connector.ts';
import type {
  AnswerHandler,
  Transport,
  TransportCall,
  TransportFailure,
  TransportOptions,
  UpstreamRequest,
} from '../transport.ts';
import { WaitingCalls } from './waiting-calls.ts';
import { WireCall } from './wire-call.ts';
import { type ConnectionOwner, WireConnection } from './wire-connection.ts';

// Requests that may wait for a connection, on top of those that have one: a burst of a few milliseconds.
const WAITING_PER_CONNECTION = 4;
const TICK_MS = 50;
// Whose client has kept it waiting for half a second, and for half of its time, has to go when others wait for the connection.
const HELD_UP_TICKS = 500 / TICK_MS;
// A target that refuses is asked for warm connections after 1 s, 2 s, 4 s, then every 8 s.
const WARM_BACKOFF_TICKS_MIN = 1_000 / TICK_MS;
const WARM_BACKOFF_TICKS_MAX = 8_000 / TICK_MS;
// What an upstream says of its own patience is believed less this: the close must not cross with a request.
const IDLE_MARGIN_SECONDS = 1;

interface Connecting {
  readonly connection: WireConnection;
  readonly dueTick: number;
}

export class WireTransport implements Transport, ConnectionOwner {
  readonly #options: TransportOptions;
  readonly #connector: SocketConnector;
  readonly #waitingMax: number;
  readonly #waiting = new WaitingCalls();
  readonly #connections = new Set<WireConnection>();
  /** The one used last comes last. */
  readonly #idle: WireConnection[] = [];
  #connecting: Connecting[] = [];
  #ticker: NodeJS.Timeout | undefined;
  /** Of TICK_MS, while there are connections. */
  tick = 0;
  #isClosed = false;
  #warmFromTick = 0;
  #warmBackoffTicks = WARM_BACKOFF_TICKS_MIN;
  /** Takes the requests of this turn, with pipelining. */
  #batching: WireConnection | undefined;
  readonly #endBatch = (): void => {
    const connection = this.#batching;
    this.#batching = undefined;
    connection?.flush();
  };

  #isFreeing = false;
  /** Behind the turn that found the pool full: what it ends are other exchanges. */
  readonly #free = (): void => {
    this.#isFreeing = false;
    this.#freeHeldUp();
  };

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#waitingMax = options.connectionsMax * WAITING_PER_CONNECTION;
    this.#connector = new SocketConnector(options);
    this.#keepWarm();
  }

  /** @hot */
  send(request: UpstreamRequest, handler: AnswerHandler): TransportCall {
    const call = new WireCall(request, handler, this.#waiting);
    if (request.isRetry) this.#closeIdle();
    if (this.#isClosed) call.fail('busy');
    else if (this.#options.pipelining > 1 && call.isRepeatable) this.#sendBatched(call);
    else this.#sendAlone(call);
    return call;
  }

  close(): void {
    this.#isClosed = true;
    this.#closeIdle();
    this.#stopWhenEmpty();
  }

  async destroy(): Promise<void> {
    this.#isClosed = true;
    const connections = [...this.#connections];
    for (let call = this.#waiting.take(); call !== undefined; call = this.#waiting.take()) call.fail('busy');
    for (const connection of connections) connection.fail('invalid');
    this.#stopWhenEmpty();
    await Promise.all(connections.map((connection) => connection.closed()));
  }

  // ConnectionOwner.

  onConnected(connection: WireConnection): void {
    this.#forgetConnecting(connection);
    this.#warmBackoffTicks = WARM_BACKOFF_TICKS_MIN;
    this.onIdle(connection);
  }

  onIdle(connection: WireConnection): void {
    const call = this.#waiting.take();
    if (call !== undefined) return connection.dispatch(call, false);
    if (this.#isClosed) return connection.fail('reset');
    connection.idleSinceTick = this.tick;
    this.#idle.push(connection);
  }

  onClosed(connection: WireConnection, connectFailure: TransportFailure | undefined): void {
    this.#connections.delete(connection);
    const idleAt = this.#idle.lastIndexOf(connection);
    if (idleAt >= 0) this.#idle.splice(idleAt, 1);
    if (this.#batching === connection) this.#batching = undefined;
    if (connectFailure !== undefined) this.#onConnectFailed(connection, connectFailure);
    // A request that waited for this one's turn needs another.
    else if (this.#waiting.count > this.#connecting.length) this.#open();
    this.#stopWhenEmpty();
  }

  #sendAlone(call: WireCall): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) return connection.dispatch(call, false);
    this.#wait(call);
  }

  // Requests of one turn share a connection, and one system call; those of the next turn have another, where one is idle, so
  // that a slow answer holds up its neighbours only.
  #sendBatched(call: WireCall): void {
    const { pipelining } = this.#options;
    const current = this.#batching;
    if (current?.takesMore === true && current.inFlight < pipelining) return current.dispatch(call, true);
    current?.flush();
    const connection = this.#idle.pop() ?? (this.#isFull() ? this.#leastBusy(pipelining) : undefined);
    if (connection === undefined) return this.#wait(call);
    if (current === undefined) setImmediate(this.#endBatch);
    this.#batching = connection;
    connection.dispatch(call, true);
  }

  #leastBusy(pipelining: number): WireConnection | undefined {
    let best: WireConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.takesMore || connection.inFlight >= pipelining) continue;
      if (best === undefined || connection.inFlight < best.inFlight) best = connection;
    }
    return best;
  }

  #wait(call: WireCall): void {
    // A connection that is being made will take one of them.
    if (this.#waiting.count - this.#connecting.length >= this.#waitingMax) return call.fail('busy');
    this.#waiting.enter(call);
    if (this.#waiting.count <= this.#connecting.length) return;
    if (!this.#isFull()) return this.#open();
    if (this.#isFreeing) return;
    this.#isFreeing = true;
    queueMicrotask(this.#free);
  }

  #isFull(): boolean {
    return this.#connections.size >= this.#options.connectionsMax;
  }

  #open(): void {
    if (this.#isFull()) return;
    const connection = new WireConnection(this, this.#connector);
    this.#connections.add(connection);
    const dueTick = this.tick + 1 + Math.ceil(this.#options.connectTimeoutMs / TICK_MS);
    this.#connecting.push({ connection, dueTick });
    this.#ticker ??= setInterval(() => this.#onTick(), TICK_MS).unref();
  }

  #onTick(): void {
    this.tick++;
    const late = this.#connecting.filter(({ dueTick }) => dueTick <= this.tick);
    for (const { connection } of late) connection.fail('reset', 'connect-timeout');
    if (this.#waiting.count > 0) this.#freeHeldUp();
    this.#closeOld();
    this.#keepWarm();
  }

  // A client that reads or sends slowly holds a connection for as long as it likes: a few hundred of them, and nobody else would come to
  // this upstream. Those that have held theirs up for the longest go first, and no more than there are others who wait.
  #freeHeldUp(): void {
    if (!this.#isFull()) return;
    const held = [...this.#connections].filter(({ heldUpTicks }) => heldUpTicks >= HELD_UP_TICKS);
    held.sort((one, other) => other.heldUpTicks - one.heldUpTicks);
    for (const connection of held.slice(0, this.#waiting.count)) connection.fail('slow-client');
  }

  /** The longest unused come first. */
  #closeOld(): void {
    while (this.#connections.size > this.#options.connectionsMin) {
      const oldest = this.#idle[0];
      if (oldest === undefined || this.tick - oldest.idleSinceTick <= this.#idleTicks(oldest)) return;
      oldest.fail('reset');
    }
  }

  #idleTicks({ idleSeconds }: WireConnection): number {
    const ownTicks = this.#options.idleTimeoutMs / TICK_MS;
    if (idleSeconds < 0) return ownTicks;
    return Math.min(ownTicks, (Math.max(0, idleSeconds - IDLE_MARGIN_SECONDS) * 1_000) / TICK_MS);
  }

  #keepWarm(): void {
    if (this.#isClosed || this.tick < this.#warmFromTick) return;
    while (this.#connections.size < this.#options.connectionsMin) this.#open();
  }

  #onConnectFailed(connection: WireConnection, failure: TransportFailure): void {
    this.#forgetConnecting(connection);
    this.#warmFromTick = this.tick + this.#warmBackoffTicks;
    this.#warmBackoffTicks = Math.min(this.#warmBackoffTicks * 2, WARM_BACKOFF_TICKS_MAX);
    // With no connection left nothing says that the next attempt would do better.
    const isCutOff = this.#connections.size === this.#connecting.length;
    const failed: WireCall[] = [];
    do {
      const call = this.#waiting.take();
      if (call === undefined) break;
      failed.push(call);
    } while (isCutOff && this.#waiting.count > this.#connecting.length);
    for (const call of failed) call.fail(failure);
  }

  #forgetConnecting(connection: WireConnection): void {
    this.#connecting = this.#connecting.filter((one) => one.connection !== connection);
  }

  #closeIdle(): void {
    for (const connection of [...this.#idle]) connection.fail('reset');
  }

  #stopWhenEmpty(): void {
    if (this.#connections.size > 0 || this.#ticker === undefined) return;
    if (!this.#isClosed && this.#options.connectionsMin > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
