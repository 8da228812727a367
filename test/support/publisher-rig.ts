// A publisher on real shared memory, with real data planes as its workers and messages that arrive when the test says.

import type { Config } from '../../src/control/config/config.ts';
import { LimitRegistry } from '../../src/control/quota/limit-registry.ts';
import { arenaBytes } from '../../src/control/releases/arenas.ts';
import { compileSnapshot } from '../../src/control/releases/compile-snapshot.ts';
import { type CompileAnswer, type PublishedSnapshot, Publisher } from '../../src/control/releases/publisher.ts';
import { Arena } from '../../src/shm/arena.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';
import { VirtualClock } from '../gateway/limiter/window.ts';
import { TestPlane } from './plane.ts';
import { sealKey } from './seal-key.ts';

type Message = { readonly attach: PublishedSnapshot } | { readonly discard: number };

interface Worker {
  readonly plane: TestPlane;
  readonly inbox: Message[];
  isHung: boolean;
}

export class PublisherRig {
  readonly shm = SharedMemory.create(2, 1, 2);
  readonly clock = new VirtualClock();
  readonly limits = new LimitRegistry(this.shm.limits, this.clock);
  readonly workers: readonly Worker[] = [0, 1].map((index) => ({
    plane: new TestPlane([], this.shm, index),
    inbox: [],
    isHung: false,
  }));
  /** Every buffer that a snapshot was ever laid out in. */
  readonly buffers = new Set<SharedArrayBuffer>();
  readonly publisher: Publisher;
  config: Config;
  /** Instead of compiling, when set. */
  answer: (() => Promise<CompileAnswer>) | undefined;
  /** While a snapshot is being attached. */
  onAttach: () => void = () => {};
  warnings: readonly string[] = [];
  /** What each compilation was given: undefined for the file. */
  readonly compiledFrom: (Uint8Array | undefined)[] = [];
  /** The epoch that was published when each publication ended, and whether it was a new one. */
  readonly settled: (readonly [epoch: number | undefined, isNew: boolean])[] = [];

  constructor(config: Config) {
    this.config = config;
    this.publisher = new Publisher({
      shm: this.shm,
      limits: this.limits,
      compile: (epoch, recycled, kept) => {
        this.compiledFrom.push(kept);
        return this.answer?.() ?? Promise.resolve(this.#compile(epoch, recycled));
      },
      onSettled: (current, isNew) => void this.settled.push([current?.epoch, isNew]),
      attach: (snapshot) => {
        this.onAttach();
        return Promise.resolve(this.#post({ attach: snapshot }));
      },
      discard: (epoch) => void this.#post({ discard: epoch }),
    });
  }

  publish(config: Config = this.config) {
    this.config = config;
    return this.publisher.publish(() => []);
  }

  /** Every worker that does not hang has its tick. */
  tick(): void {
    for (const { plane, isHung } of this.workers) if (!isHung) plane.pass(10);
  }

  /** A worker that hung reads what it was sent. */
  wake(index: number): void {
    const worker = this.workers[index] as Worker;
    worker.isHung = false;
    read(worker);
  }

  #compile(epoch: number, recycled: SharedArrayBuffer | undefined): CompileAnswer {
    const compiled = compileSnapshot(
      this.config,
      epoch,
      (bytes) =>
        recycled !== undefined && recycled.byteLength >= bytes ? recycled : new SharedArrayBuffer(arenaBytes(bytes)),
      sealKey,
    );
    if (!compiled.ok) return { ok: false, problems: compiled.error.map(({ message }) => message) };
    const { arena, summary } = compiled.value;
    this.buffers.add(arena.buffer);
    return {
      ok: true,
      gateway: this.config.gateway,
      summary,
      buffer: arena.buffer,
      source: Uint8Array.of(epoch),
      warnings: this.warnings,
    };
  }

  /** @returns the workers that did not read it */
  #post(message: Message): readonly number[] {
    return this.workers.flatMap((worker, index) => {
      worker.inbox.push(message);
      if (worker.isHung) return [index];
      read(worker);
      return [];
    });
  }
}

function read({ plane, inbox }: Worker): void {
  for (const message of inbox.splice(0)) {
    if ('discard' in message) {
      plane.plane.discard(message.discard);
      continue;
    }
    const { epoch, arena, buffer } = message.attach;
    // What lies there has to be what was posted.
    const found = new Arena(buffer).get('epoch');
    if (found !== epoch) throw new Error(`snapshot ${epoch} was overwritten with ${found} before a worker read it`);
    plane.plane.attach(arena, buffer);
  }
}
