// An open WebSocket: two connections, of which each hears what the other says.
//
// Messages go through whole, and in order. Pings are answered by the socket that got them, and passed on, so that each end
// also learns of the other's; pongs end here. A close frame goes through with its code and reason, and a connection that
// breaks off takes the other one with it.
//
// The faster side waits: it is paused while the other has PAUSE_BYTES waiting. A client of uWebSockets.js cannot be
// paused, and is closed (1013) when too much of it waits.

import type { BackendCall, Exchange, HeaderList } from '../pipeline/exchange.ts';
import { finish } from '../pipeline/respond.ts';
import type { UpstreamPlan } from '../snapshot.ts';
import { CLOSED_WITHOUT_FRAME, type MessageSocket, type SocketListener } from './message-socket.ts';

// What a socket holds before the other side is paused: one read of node:net.
const PAUSE_BYTES = 64 * 1024;
// What may wait of a client that cannot be paused, and one message more: some seconds of a busy one.
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
// For both sides to end, once one of them has or was told to.
const CLOSING_MS = 5_000;

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

export class Session implements BackendCall {
  readonly #x: Exchange;
  readonly #plan: UpstreamPlan;
  readonly #totalDueMs: number;
  readonly #onEnd: () => void;
  readonly #client: Side;
  readonly #upstream: Side;
  #closing = false;
  #ended = false;

  /**
   * @param totalDueMs  when it ends whatever happens, by the deadlines' clock
   * @param onEnd  called once, when nothing is under way any more
   */
  constructor(x: Exchange, plan: UpstreamPlan, totalDueMs: number, onEnd: () => void) {
    this.#x = x;
    this.#plan = plan;
    this.#totalDueMs = totalDueMs;
    this.#onEnd = onEnd;
    this.#client = new Side(this);
    this.#upstream = new Side(this);
  }

  /**
   * Send the client its 101, and go on as the exchange's backend.
   * @param headers  of the 101
   * @param protocol  '' for none
   * @param take  gives the upstream's socket
   */
  open(headers: HeaderList, protocol: string, take: (listener: SocketListener) => MessageSocket): void {
    const x = this.#x;
    x.call = this;
    x.status = 101;
    x.headSent = true;
    this.#count(1);
    x.plane.sessions.add(this);
    x.plane.unpin(x);
    this.#upstream.socket = take(this.#upstream);
    this.#client.socket = x.offer?.accept(headers, protocol, this.#client);
    if (this.#client.socket === undefined) return this.#onBroken(this.#client);
    this.#touch();
    if (x.plane.isDraining()) this.goAway();
  }

  /** The worker drains. */
  goAway(): void {
    this.#close(GOING_AWAY, 'the gateway is going away');
  }

  /** At once, and recorded. */
  end(): void {
    if (this.#ended) return;
    if (!this.#client.hasEnded) this.#x.wasCut = true;
    this.cancel();
    finish(this.#x);
  }

  // BackendCall. The client's side has no body and no answer.

  sendBody(): void {}

  resumeAnswer(): void {}

  expire(): void {
    if (this.#closing) this.end();
    else this.#close(GOING_AWAY, 'nothing was said for too long');
  }

  cancel(): void {
    if (!this.#leave()) return;
    this.#client.socket?.cut();
    this.#upstream.socket?.cut();
  }

  // From the sides.

  relay(from: Side, message: Buffer, isBinary: boolean): void {
    const { socket } = this.#otherOf(from);
    if (this.#closing || socket === undefined) return;
    this.#touch();
    this.#countMessage(from, message.length);
    socket.send(message, isBinary);
    if (socket.waitingBytes > PAUSE_BYTES) this.#slowDown(from, socket);
  }

  relayPing(from: Side, payload: Buffer): void {
    const { socket } = this.#otherOf(from);
    if (this.#closing || socket === undefined) return;
    this.#touch();
    if (socket.waitingBytes <= PAUSE_BYTES) socket.ping(payload);
  }

  onDrain(side: Side): void {
    const other = this.#otherOf(side);
    if (this.#closing || !other.isPaused) return;
    this.#touch();
    if ((side.socket?.waitingBytes ?? 0) > PAUSE_BYTES / 2) return;
    other.isPaused = false;
    other.socket?.resume();
  }

  onSideClosed(side: Side, code: number, reason: Buffer): void {
    if (this.#ended) return;
    if (code === CLOSED_WITHOUT_FRAME) return this.#onBroken(side);
    side.hasEnded = true;
    this.#startClosing();
    this.#otherOf(side).socket?.close(code, reason);
    this.#endIfBothHave();
  }

  #onBroken(side: Side): void {
    const other = this.#otherOf(side);
    side.hasEnded = true;
    // Who broke off first: an end of ours comes with `closing`.
    if (!this.#closing) {
      if (side === this.#client) this.#x.clientGone = true;
      else this.#x.wasCut = true;
    }
    this.#startClosing();
    other.socket?.cut();
    this.#endIfBothHave();
  }

  #endIfBothHave(): void {
    if (!this.#client.hasEnded || !this.#upstream.hasEnded) return;
    if (this.#leave()) finish(this.#x);
  }

  #slowDown(from: Side, to: MessageSocket): void {
    from.isPaused ||= from.socket?.pause() ?? false;
    const messageBytesMax = this.#x.offer?.messageBytesMax ?? 0;
    if (from.isPaused || to.waitingBytes <= WAITING_BYTES_MAX + messageBytesMax) return;
    this.#close(TRY_AGAIN_LATER, 'too much is waiting for the upstream');
  }

  #close(code: number, reason: string): void {
    if (this.#closing || this.#ended) return;
    this.#startClosing();
    const bytes = Buffer.from(reason);
    this.#client.socket?.close(code, bytes);
    this.#upstream.socket?.close(code, bytes);
  }

  #startClosing(): void {
    if (this.#closing) return;
    this.#closing = true;
    // Paused, a side would not see the other's answer to its close frame.
    for (const side of [this.#client, this.#upstream]) if (side.isPaused) side.socket?.resume();
    this.#x.plane.deadlines.arm(this.#x, CLOSING_MS);
  }

  /** @returns false when it has left before */
  #leave(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#x.plane.sessions.delete(this);
    this.#count(-1);
    this.#onEnd();
    return true;
  }

  #otherOf(side: Side): Side {
    return side === this.#client ? this.#upstream : this.#client;
  }

  #touch(): void {
    const { deadlines } = this.#x.plane;
    deadlines.arm(this.#x, Math.max(0, Math.min(this.#plan.idleTimeoutMs, this.#totalDueMs - deadlines.nowMs)));
  }

  #count(change: number): void {
    const { shm, worker } = this.#x.plane;
    shm.control.add(worker, 'webSockets', change);
  }

  #countMessage(from: Side, bytes: number): void {
    const { shm, worker } = this.#x.plane;
    if (from === this.#client) {
      this.#x.bodyBytes += bytes;
      shm.control.add(worker, 'messagesIn', 1);
    } else {
      this.#x.answerBytes += bytes;
      shm.control.add(worker, 'messagesOut', 1);
    }
  }
}

class Side implements SocketListener {
  socket: MessageSocket | undefined = undefined;
  isPaused = false;
  hasEnded = false;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  onMessage(message: Buffer, isBinary: boolean): void {
    this.#session.relay(this, message, isBinary);
  }

  onPing(payload: Buffer): void {
    this.#session.relayPing(this, payload);
  }

  onDrain(): void {
    this.#session.onDrain(this);
  }

  onClose(code: number, reason: Buffer): void {
    this.#session.onSideClosed(this, code, reason);
  }
}
