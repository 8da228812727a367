// A gateway's part in take-overs, from its start to its end: first as the one that takes over, if it was told to, then as the
// one that may be taken over from. Decision 0011 says why it is done so, protocol.ts what is said.

import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { WorkerIndex } from '../../base/ids.ts';
import type { LimitQuestion } from '../../gateway/worker-messages.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { ListenConfig } from '../config/listen-config.ts';
import type { Log } from '../log.ts';
import type { LimitRegistry } from '../quota/limit-registry.ts';
import type { SharedListener } from '../workers/listener-plan.ts';
import { claimDataFolder } from './claim-data-folder.ts';
import { HandOverServer, type LimitAskers } from './hand-over-server.ts';
import { type Predecessor, TakeOverError } from './predecessor.ts';
import { sharePorts } from './shared-ports.ts';

export interface TakeOverOptions {
  readonly folder: string;
  /** --take-over */
  readonly takesOver: boolean;
  readonly gateway: GatewayConfig;
  readonly log: Log;
}

/** What is there once the shared memory is. */
export interface TakeOverParts {
  readonly shm: SharedMemory;
  readonly limits: LimitRegistry;
  readonly clock: Clock;
  readonly workers: LimitAskers;
}

const ADMIN_RETRY_MS = 50;
const ADMIN_RETRIES_MAX = 200;
const ADMIN_LATER_MS = 1_000;

export class TakeOver {
  /** As configured, but for ports that the system chose for the predecessor. */
  readonly gateway: GatewayConfig;
  /** Listeners that are not the predecessor's: nobody may have their ports. */
  readonly ownListeners: readonly ListenConfig[];
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly #options: TakeOverOptions;
  readonly #predecessor: Predecessor | undefined;
  #parts: TakeOverParts | undefined;
  #server: HandOverServer | undefined;
  #listeners: readonly SharedListener[] = [];
  #adminPort = 0;
  #isHandedOver = false;
  #isClosed = false;
  #onHandedOver: (pid: number) => void = () => {};
  /** Resolves to the process that has taken over, and serves. */
  readonly handedOver = new Promise<number>((resolve) => {
    this.#onHandedOver = resolve;
  });

  private constructor(
    options: TakeOverOptions,
    gateway: GatewayConfig,
    own: readonly ListenConfig[],
    predecessor: Predecessor | undefined,
  ) {
    this.#options = options;
    this.gateway = gateway;
    this.ownListeners = own;
    this.#predecessor = predecessor;
    this.seedLow = predecessor?.welcome.seedLow ?? randomInt(2 ** 32);
    this.seedHigh = predecessor?.welcome.seedHigh ?? randomInt(2 ** 32);
  }

  /** The process that this one has taken over from; undefined: there was none. */
  get predecessorPid(): number | undefined {
    return this.#predecessor?.pid;
  }

  /** Before anything has changed. @throws {TakeOverError} */
  static async begin(options: TakeOverOptions): Promise<TakeOver> {
    const { folder, takesOver, gateway, log } = options;
    const { predecessor } = await claimDataFolder(folder, takesOver, log);
    if (predecessor === undefined) return new TakeOver(options, gateway, gateway.listen, undefined);
    const shared = sharePorts(gateway, predecessor.welcome);
    if ('gateway' in shared) return new TakeOver(options, shared.gateway, shared.own, predecessor);
    predecessor.leave();
    throw new TakeOverError(shared.join('\n'));
  }

  /** Listeners are opened so that a successor can listen beside them. */
  get sharesPorts(): boolean {
    return this.#server !== undefined;
  }

  get isHandedOver(): boolean {
    return this.#isHandedOver;
  }

  get takesOver(): boolean {
    return this.#predecessor !== undefined && !this.#predecessor.isEnded;
  }

  /** Be ready to be found, under a name that nobody looks for before publish(). */
  async open(parts: TakeOverParts): Promise<void> {
    const { folder, log } = this.#options;
    this.#parts = parts;
    const server = new HandOverServer({
      folder,
      log,
      shm: parts.shm,
      registry: parts.limits,
      clock: parts.clock,
      workers: parts.workers,
      whoAmI: () => ({ listeners: this.#listeners, adminPort: this.#adminPort }),
      whyNot: () => this.#whyNot(),
      onHandedOver: (pid) => {
        this.#isHandedOver = true;
        this.#onHandedOver(pid);
      },
    });
    try {
      await server.listen();
      this.#server = server;
    } catch (error) {
      const problem = `the data folder ${folder} cannot hold its socket: ${(error as Error).message}`;
      if (this.takesOver) throw new TakeOverError(problem);
      log('warn', `nothing can take over from this gateway: ${problem}`);
    }
  }

  /** Take the predecessor's limits over, if there is one; from then on it asks this process. @throws {TakeOverError} */
  async take(): Promise<void> {
    const predecessor = this.#predecessor;
    if (predecessor === undefined || this.#parts === undefined) return;
    const { log } = this.#options;
    const { shm, limits, clock } = this.#parts;
    const slotCount = await predecessor.take(shm, limits, clock);
    if (slotCount === undefined) {
      log('warn', `process ${predecessor.pid} ended before it handed over: limits start anew`);
    } else {
      log('info', `took over from process ${predecessor.pid}: ${slotCount} limit slots`);
    }
  }

  /** This process listens: the predecessor may stop. */
  serving(listeners: readonly Omit<SharedListener, 'wantedPort'>[]): void {
    const configured = this.#options.gateway.listen;
    this.#listeners = listeners.map((each, index) => ({ ...each, wantedPort: configured[index]?.port ?? 0 }));
    const predecessor = this.#predecessor;
    if (predecessor === undefined) return;
    predecessor.serving();
    void predecessor.ended.then(() => this.#options.log('info', `process ${predecessor.pid} asks no more`));
  }

  /**
   * Listen on the admin port. A predecessor lets go of it as soon as it knows that this process serves.
   * @param listen  rejects while somebody has the port
   * @returns the port; rejects when it cannot be had, unless this process has taken over: it serves, and goes on trying
   */
  async listenAdmin(listen: () => Promise<number>): Promise<number> {
    for (let retry = 0; ; retry++) {
      try {
        this.#adminPort = await listen();
        return this.#adminPort;
      } catch (error) {
        if (this.#predecessor === undefined) throw error;
        if (retry === ADMIN_RETRIES_MAX) {
          this.#options.log('error', `the admin port cannot be had, and is tried on: ${(error as Error).message}`);
          this.#adminPort = this.gateway.admin.port;
          this.#listenAdminLater(listen);
          return this.#adminPort;
        }
        await new Promise((resolve) => setTimeout(resolve, ADMIN_RETRY_MS));
      }
    }
  }

  #listenAdminLater(listen: () => Promise<number>): void {
    setTimeout(() => {
      if (!this.#isClosed) listen().catch(() => this.#listenAdminLater(listen));
    }, ADMIN_LATER_MS).unref();
  }

  /** This process is the one that serves with the data folder. */
  publish(): void {
    this.#server?.publish();
  }

  /** A worker asks the successor. */
  ask(worker: WorkerIndex, question: LimitQuestion): void {
    this.#server?.ask(worker, question);
  }

  /** No successor can come any more. */
  stopListening(): void {
    this.#server?.stopListening();
  }

  close(): void {
    this.#isClosed = true;
    this.#server?.close();
    this.#predecessor?.leave();
  }

  #whyNot(): string | undefined {
    if (this.#parts?.shm.control.isDraining() === true) return 'it drains';
    return this.takesOver ? `process ${this.#predecessor?.pid} drains still, before it: try again` : undefined;
  }
}
