// The new gateway's side of a take-over (protocol.ts has the conversation): finds the running one, takes its limits, and
// answers it while it drains.

import { connect, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { LimitQuestion } from '../../gateway/worker-messages.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { LimitRegistry } from '../quota/limit-registry.ts';
import { socketPath } from './data-folder.ts';
import { ForeignPermits } from './foreign-permits.ts';
import { LimitDesk } from './limit-desk.ts';
import { importLimits } from './limit-state.ts';
import { type Message, MessageLink } from './message-link.ts';
import {
  type Ask,
  CONFIRM_TIMEOUT_MS,
  GREETING_TIMEOUT_MS,
  type InFlight,
  isState,
  isWelcome,
  PROTOCOLS,
  type Refuse,
  STATE_TIMEOUT_MS,
  type Welcome,
} from './protocol.ts';

const END_LOOK_MS = 20;
const END_LOOKS_MAX = 100;

/** There is a gateway, and it cannot be taken over from. */
export class TakeOverError extends Error {
  override readonly name = 'TakeOverError';
}

export class Predecessor {
  readonly #link: MessageLink;
  #welcome: Welcome | undefined;
  #desk: LimitDesk | undefined;
  #permits: ForeignPermits | undefined;
  #waiting: { readonly resolve: (message: Message | undefined) => void } | undefined;
  #isEnded = false;
  /** It refused when nothing had been asked. */
  #refusal: Message | undefined;
  #onEnded: () => void = () => {};
  /** Resolves when the other process has ended, or no longer asks. */
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnded = resolve;
  });

  private constructor(socket: Socket) {
    this.#link = new MessageLink(socket, {
      onMessage: (message) => this.#onMessage(message),
      onEnd: () => {
        this.#isEnded = true;
        this.#permits?.clear();
        this.#waiting?.resolve(undefined);
        this.#onEnded();
      },
    });
    this.#link.trust();
  }

  /**
   * @returns the gateway that runs with a data folder, or undefined when there is none
   * @throws {TakeOverError} something is there that does not answer as one, or refuses
   */
  static async find(folder: string): Promise<Predecessor | undefined> {
    const socket = await reach(socketPath(folder));
    if (socket === undefined) return undefined;
    const found = new Predecessor(socket);
    found.#link.send({ type: 'hello', protocols: PROTOCOLS, pid: process.pid });
    const message = await found.#next(GREETING_TIMEOUT_MS);
    if (message !== undefined && isWelcome(message)) {
      found.#welcome = message;
      return found;
    }
    found.#link.close();
    // It ended just now.
    if (message === undefined) return undefined;
    throw new TakeOverError(`what answers on ${socketPath(folder)} cannot be taken over from: ${whyOf(message)}`);
  }

  get welcome(): Welcome {
    return this.#welcome as Welcome;
  }

  get pid(): number {
    return this.welcome.pid;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Take the limits over, before any request. From then on the other process asks this one.
   * @returns the slots that came; undefined when the other process has died: this one is alone
   * @throws {TakeOverError} it refuses, or is silent; it goes on
   */
  async take(shm: SharedMemory, registry: LimitRegistry, clock: Clock): Promise<number | undefined> {
    this.#link.send({ type: 'take' });
    const state = await this.#next(STATE_TIMEOUT_MS);
    if (state === undefined) return await this.#alone();
    if (!isState(state)) throw this.#fail(whyOf(state));
    const taken = importLimits(state.limits, shm.limits, registry, clock);
    if (typeof taken === 'string') throw this.#fail(taken);
    this.#desk = new LimitDesk(shm.limits, registry, clock);
    this.#permits = new ForeignPermits(shm.concurrency);
    this.#count(state.inFlight);
    this.#link.send({ type: 'taking' });
    const go = await this.#next(CONFIRM_TIMEOUT_MS);
    if (go === undefined) return await this.#alone(taken.slotCount);
    if (go.type !== 'go') throw this.#fail(whyOf(go));
    return taken.slotCount;
  }

  /** This process listens, and the other one may stop. */
  serving(): void {
    this.#link.send({ type: 'serving' });
  }

  /** The other process goes on, or drains on, by itself. */
  leave(): void {
    this.#link.close();
  }

  /** The conversation broke off. A process whose sockets are closed may take a moment to be gone. */
  async #alone(slotCount?: number): Promise<number | undefined> {
    for (let look = 0; isAlive(this.pid); look++) {
      if (look === END_LOOKS_MAX) throw this.#fail('it has left the conversation');
      await new Promise((resolve) => setTimeout(resolve, END_LOOK_MS));
    }
    return slotCount;
  }

  #fail(why: string): TakeOverError {
    this.#link.close();
    return new TakeOverError(`process ${this.pid} does not hand over: ${why}`);
  }

  #onMessage(message: Message): void {
    if (message.type === 'in-flight') return this.#count((message as InFlight).keys);
    if (message.type === 'ask') return this.#answer((message as Ask).questions);
    if (this.#waiting !== undefined) this.#waiting.resolve(message);
    else if (message.type === 'refuse') this.#refusal = message;
  }

  #count(keys: unknown): void {
    // A copy, for its alignment.
    if (keys instanceof Uint8Array && !this.#isEnded) this.#permits?.set(new Int32Array(new Uint8Array(keys).buffer));
  }

  #answer(questions: readonly LimitQuestion[]): void {
    const desk = this.#desk;
    if (desk === undefined) return;
    this.#link.send({ type: 'answer', answers: questions.map((question) => desk.answer(question)) });
  }

  /** @returns what it says next; undefined when it has ended; a refusal of our own when it says nothing in time */
  #next(timeoutMs: number): Promise<Message | undefined> {
    if (this.#isEnded || this.#refusal !== undefined) return Promise.resolve(this.#refusal);
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#waiting?.resolve({ type: 'refuse', why: `it said nothing for ${timeoutMs} ms` }),
        timeoutMs,
      );
      this.#waiting = {
        resolve: (message) => {
          clearTimeout(timer);
          this.#waiting = undefined;
          resolve(message);
        },
      };
    });
  }
}

/** @returns undefined when nobody listens: no socket, or one that a process has left behind */
function reach(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onError = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR') resolve(undefined);
      else reject(new TakeOverError(`${path} cannot be reached: ${error.message}`));
    };
    // A full backlog of a process that stands still.
    const timer = setTimeout(() => socket.destroy(new Error('nobody accepts')), GREETING_TIMEOUT_MS);
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

function whyOf(message: Message): string {
  return message.type === 'refuse' && typeof (message as Refuse).why === 'string'
    ? (message as Refuse).why
    : `it said ${message.type}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
