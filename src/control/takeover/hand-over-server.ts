// The running gateway's side of a take-over (protocol.ts has the conversation): listens in the data folder, gives its limits
// away, asks its successor while it drains, and goes on by itself whenever the other one fails.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { WorkerIndex } from '../../base/ids.ts';
import type { LimitAnswer, LimitQuestion } from '../../gateway/worker-messages.ts';
import { WORKER_COUNT_MAX } from '../../shm/control-block.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { Log } from '../log.ts';
import type { LimitRegistry } from '../quota/limit-registry.ts';
import { ownSocketPath, publishSocket, removeSocket, socketInode } from './data-folder.ts';
import { exportLimits } from './limit-state.ts';
import { type Message, MessageLink } from './message-link.ts';
import {
  type AnswerMessage,
  CONFIRM_TIMEOUT_MS,
  GREETING_TIMEOUT_MS,
  type InFlight,
  isHello,
  PREPARE_TIMEOUT_MS,
  PROTOCOLS,
  SERVING_TIMEOUT_MS,
  type Welcome,
} from './protocol.ts';

/** What the server needs of the workers. */
export interface LimitAskers {
  /** @returns whether every worker does */
  askLimits(isOn: boolean): Promise<boolean>;
  answerLimits(worker: WorkerIndex, answers: readonly LimitAnswer[]): void;
}

export interface HandOverOptions {
  readonly folder: string;
  readonly shm: SharedMemory;
  readonly registry: LimitRegistry;
  readonly clock: Clock;
  readonly workers: LimitAskers;
  readonly log: Log;
  /** What a successor has to know before it starts. */
  whoAmI(): Pick<Welcome, 'listeners' | 'adminPort'>;
  /** Why there can be no take-over now. */
  whyNot(): string | undefined;
  /** The successor serves: stop listening, drain, end. */
  onHandedOver(pid: number): void;
}

/** Where a conversation stands: what has been said last. */
const Phase = { GREETING: 0, WELCOMED: 1, TAKING_STATE: 2, STATE_SENT: 3, GONE: 4, SERVING: 5, ENDED: 6 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

interface Conversation {
  readonly link: MessageLink;
  phase: Phase;
  /** Of the successor; 0 until it has said so. */
  pid: number;
  timer: NodeJS.Timeout | undefined;
}

const CONVERSATIONS_MAX = 8;
// A worker may ask thousands of questions in a turn, when the state was on its way for long.
const QUESTIONS_PER_MESSAGE = 1_000;
// What is in flight here counts against the successor's concurrency limits, and it hears of it so often.
const REPORT_INTERVAL_MS = 100;
// Records come into force some 50 ms after they are written; timers are coarse.
const SETTLE_MS = 5;

export class HandOverServer {
  readonly #options: HandOverOptions;
  readonly #server: Server;
  readonly #conversations = new Set<Conversation>();
  #current: Conversation | undefined;
  #questions: LimitQuestion[] = [];
  #isFlushing = false;
  /** A successor has failed, and the limits come back. */
  #isRecovering = false;
  #isClosed = false;
  /** A successor serves. */
  #isHandedOver = false;
  #reporter: NodeJS.Timeout | undefined;
  #inode: number | undefined;

  constructor(options: HandOverOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#onConnection(socket));
    this.#server.maxConnections = CONVERSATIONS_MAX;
  }

  /** Listen, under a name that nobody looks for yet. Rejects with the system's error. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // Left behind by a process with the same number.
      rmSync(ownSocketPath(this.#options.folder), { force: true });
      const mask = process.umask(0o177);
      this.#server.listen(ownSocketPath(this.#options.folder), () => {
        this.#server.off('error', reject);
        resolve();
      });
      process.umask(mask);
    });
  }

  /** This process is the one that serves with this data folder. */
  publish(): void {
    publishSocket(this.#options.folder);
    this.#inode = socketInode(this.#options.folder);
  }

  /** A worker asks the successor. */
  ask(worker: WorkerIndex, [number, ...rest]: LimitQuestion): void {
    this.#questions.push([number * WORKER_COUNT_MAX + worker, ...rest]);
    this.#flushSoon();
  }

  /** No successor can come any more; one that is asked is asked on. */
  stopListening(): void {
    this.#server.close();
    // A successor gives its own socket the name, at any moment from now: between a look at the name and its removal, it would be the
    // successor's that goes, and nobody could take over from that one.
    if (!this.#isHandedOver) removeSocket(this.#options.folder, this.#inode);
    for (const each of this.#conversations) if (each.phase < Phase.GONE) this.#refuse(each, 'it is about to stop');
  }

  close(): void {
    this.stopListening();
    this.#isClosed = true;
    for (const { link } of this.#conversations) link.close();
  }

  #onConnection(socket: Socket): void {
    const link = new MessageLink(socket, {
      onMessage: (message) => this.#onMessage(conversation, message),
      onEnd: (problem) => this.#onEnd(conversation, problem),
    });
    const conversation: Conversation = { link, phase: Phase.GREETING, pid: 0, timer: undefined };
    this.#conversations.add(conversation);
    this.#wait(conversation, GREETING_TIMEOUT_MS);
  }

  #onMessage(conversation: Conversation, message: Message): void {
    const { phase } = conversation;
    if (phase === Phase.GREETING) return this.#greet(conversation, message);
    switch (message.type) {
      case 'take':
        if (phase === Phase.WELCOMED) void this.#giveState(conversation);
        return;
      case 'taking':
        if (phase !== Phase.STATE_SENT) return;
        // From here on it may admit requests that nobody here knows of.
        conversation.phase = Phase.GONE;
        conversation.link.send({ type: 'go' });
        this.#reporter = setInterval(() => conversation.link.send(this.#inFlight()), REPORT_INTERVAL_MS);
        this.#wait(conversation, SERVING_TIMEOUT_MS);
        return this.#flushSoon();
      case 'serving':
        if (phase !== Phase.GONE) return;
        conversation.phase = Phase.SERVING;
        clearTimeout(conversation.timer);
        this.#isHandedOver = true;
        return this.#options.onHandedOver(conversation.pid);
      case 'answer':
        if (phase >= Phase.GONE) this.#passOn((message as AnswerMessage).answers);
        return;
    }
  }

  #greet(conversation: Conversation, message: Message): void {
    const { link } = conversation;
    if (!isHello(message)) return this.#refuse(conversation, 'it did not say hello');
    conversation.pid = message.pid;
    const protocol = PROTOCOLS.find((version) => message.protocols.includes(version));
    if (protocol === undefined) {
      const why = `it speaks protocol ${message.protocols.join(', ')} of the take-over, and this one ${PROTOCOLS.join(', ')}`;
      return this.#refuse(conversation, why);
    }
    const why = this.#whyBusy() ?? this.#options.whyNot();
    if (why !== undefined) return this.#refuse(conversation, why);
    this.#current = conversation;
    conversation.phase = Phase.WELCOMED;
    this.#wait(conversation, PREPARE_TIMEOUT_MS);
    const { hashSeedLow: seedLow, hashSeedHigh: seedHigh } = this.#options.shm.control;
    link.send({ type: 'welcome', protocol, pid: process.pid, seedLow, seedHigh, ...this.#options.whoAmI() });
  }

  #whyBusy(): string | undefined {
    if (this.#current !== undefined) return `process ${this.#current.pid} is taking over already`;
    return this.#isRecovering ? 'a take-over has just failed: try again' : undefined;
  }

  async #giveState(conversation: Conversation): Promise<void> {
    const { registry, clock, shm, workers, log } = this.#options;
    conversation.phase = Phase.TAKING_STATE;
    clearTimeout(conversation.timer);
    conversation.link.trust();
    log('info', `handing over to process ${conversation.pid}`);
    registry.freeze();
    await untilUs(registry.newestStartUs(), clock);
    const doAsk = await workers.askLimits(true);
    if (conversation.phase !== Phase.TAKING_STATE) return;
    if (!doAsk) return this.#refuse(conversation, 'a worker hangs: try again');
    conversation.phase = Phase.STATE_SENT;
    this.#wait(conversation, CONFIRM_TIMEOUT_MS);
    const { keys } = this.#inFlight();
    conversation.link.send({ type: 'state', limits: exportLimits(shm.limits, registry, clock), inFlight: keys });
  }

  #inFlight(): InFlight {
    const keys = this.#options.shm.concurrency.inFlightKeys();
    return { type: 'in-flight', keys: new Uint8Array(keys.buffer) };
  }

  #passOn(answers: unknown): void {
    if (!Array.isArray(answers)) return;
    const byWorker = new Map<WorkerIndex, LimitAnswer[]>();
    for (const answer of answers as readonly LimitAnswer[]) {
      const [marked, ...rest] = answer;
      const worker = (marked % WORKER_COUNT_MAX) as WorkerIndex;
      const of = byWorker.get(worker) ?? [];
      of.push([Math.floor(marked / WORKER_COUNT_MAX), ...rest]);
      byWorker.set(worker, of);
    }
    for (const [worker, each] of byWorker) this.#options.workers.answerLimits(worker, each);
  }

  /** Once a turn, and not before the successor can answer. */
  #flushSoon(): void {
    if (this.#isFlushing || this.#current === undefined || this.#current.phase < Phase.GONE) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      const current = this.#current;
      if (current === undefined) return;
      const questions = this.#questions.splice(0);
      for (let from = 0; from < questions.length; from += QUESTIONS_PER_MESSAGE) {
        current.link.send({ type: 'ask', questions: questions.slice(from, from + QUESTIONS_PER_MESSAGE) });
      }
    });
  }

  #refuse(conversation: Conversation, why: string): void {
    conversation.link.send({ type: 'refuse', why });
    conversation.link.close(why);
  }

  #wait(conversation: Conversation, ms: number): void {
    clearTimeout(conversation.timer);
    conversation.timer = setTimeout(() => this.#refuse(conversation, `it was silent for ${ms} ms`), ms);
  }

  /** The other side is gone, or was sent away. */
  #onEnd(conversation: Conversation, problem: string | undefined): void {
    const { phase, pid } = conversation;
    conversation.phase = Phase.ENDED;
    clearTimeout(conversation.timer);
    this.#conversations.delete(conversation);
    const { log } = this.#options;
    if (phase === Phase.GREETING && problem !== undefined) {
      log('warn', `the take-over socket was used by something that cannot take over: ${problem}`);
    }
    if (this.#current !== conversation) return;
    this.#current = undefined;
    clearInterval(this.#reporter);
    this.#questions = [];
    if (phase < Phase.TAKING_STATE || this.#isClosed) return;
    const isLeft = phase === Phase.SERVING;
    const what = isLeft ? 'has ended while this one drains' : 'did not take over, and this one goes on';
    log('warn', `process ${pid} ${what}${problem === undefined ? '' : `: ${problem}`}`);
    void this.#decideHere(phase >= Phase.GONE);
  }

  /** @param isStale  the other process may have admitted requests */
  async #decideHere(isStale: boolean): Promise<void> {
    const { registry, workers, clock } = this.#options;
    this.#isRecovering = true;
    if (isStale) await untilUs(registry.forgetLevels(), clock);
    registry.thaw();
    await workers.askLimits(false);
    this.#isRecovering = false;
  }
}

/** Resolves when the clock has passed a time. */
async function untilUs(us: number, clock: Clock): Promise<void> {
  for (;;) {
    const leftUs = us - clock.nowUs();
    if (leftUs < 0) return;
    await new Promise((resolve) => setTimeout(resolve, leftUs / 1_000 + SETTLE_MS));
  }
}
