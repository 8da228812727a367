// A gateway in one thread: the real control plane's publisher, the real data plane of one worker, and an upstream that is not
// there.

import { randomBytes } from 'node:crypto';
import { monotonicClock } from '../../src/base/clock.ts';
import type { WorkerIndex } from '../../src/base/ids.ts';
import { SEAL_KEY_BYTES } from '../../src/base/sealed.ts';
import type { Config } from '../../src/control/config/config.ts';
import { filesBeside } from '../../src/control/config/config-files.ts';
import { readConfig } from '../../src/control/config/read-config.ts';
import { LimitRegistry } from '../../src/control/quota/limit-registry.ts';
import { arenaBytes } from '../../src/control/releases/arenas.ts';
import { compileSnapshot } from '../../src/control/releases/compile-snapshot.ts';
import { type CompileAnswer, Publisher } from '../../src/control/releases/publisher.ts';
import { DataPlane } from '../../src/gateway/data-plane.ts';
import { LiveSnapshot } from '../../src/gateway/live-snapshot.ts';
import { policyRuns } from '../../src/gateway/policies/run-registry.ts';
import { Arena } from '../../src/shm/arena.ts';
import { SharedMemory } from '../../src/shm/shared-memory.ts';
import { StubTransport } from './stub-transport.ts';

const sealKey = new Uint8Array(randomBytes(SEAL_KEY_BYTES));

export class StubGateway {
  readonly transport = new StubTransport();
  readonly plane: DataPlane;
  readonly #publisher: Publisher;
  #config: Config;
  #published: SharedArrayBuffer | undefined;

  /** @param yaml  a whole sluice.yaml @throws when it has issues */
  constructor(yaml: string) {
    const read = readConfig(yaml, { file: 'sluice.yaml', env: {}, files: filesBeside('.') });
    if (!read.ok) throw new Error(read.error[0]?.message);
    this.#config = read.value.config;
    const clock = monotonicClock();
    const shm = SharedMemory.create(1, 1, 2);
    this.plane = new DataPlane({
      shm,
      worker: 0 as WorkerIndex,
      clock,
      sealKey,
      policies: policyRuns,
      createTransport: () => this.transport,
    });
    this.#publisher = new Publisher({
      shm,
      limits: new LimitRegistry(shm.limits, clock),
      compile: (epoch, recycled) => Promise.resolve(compile(this.#config, epoch, recycled)),
      attach: ({ arena, buffer }) => {
        this.plane.attach(arena, buffer);
        this.#published = buffer;
        return Promise.resolve([]);
      },
      discard: (epoch) => this.plane.discard(epoch),
    });
  }

  /** What the worker makes of the snapshot that was published last, made once more. @throws when none was */
  openSnapshot(): LiveSnapshot {
    if (this.#published === undefined) throw new Error('nothing is published');
    return new LiveSnapshot(this.plane, 0, new Arena(this.#published));
  }

  /** From the checked configuration to the moment when requests meet it, the worker's part included. */
  async publish(): Promise<void> {
    const published = await this.#publisher.publish(() => []);
    if (!published.ok) throw new Error(published.error[0]);
    // The worker moves on, and lets go of the snapshot before.
    this.plane.tick();
  }
}

function compile(config: Config, epoch: number, recycled: SharedArrayBuffer | undefined): CompileAnswer {
  const compiled = compileSnapshot(
    config,
    epoch,
    (bytes) =>
      recycled !== undefined && recycled.byteLength >= bytes ? recycled : new SharedArrayBuffer(arenaBytes(bytes)),
    sealKey,
  );
  if (!compiled.ok) return { ok: false, problems: compiled.error.map(({ message }) => message) };
  const { arena, summary } = compiled.value;
  return { ok: true, gateway: config.gateway, summary, buffer: arena.buffer, source: new Uint8Array(), warnings: [] };
}
