// The control block: what the main thread and the gateway workers tell each other without a message.
//
//   offset            type  field          unit            written by        meaning
//   ---------------------------------------------------------------------------------------------------------------
//   0                 u32   magic          -               main, once        0x51C1CE01
//   4                 u32   workerCount    -               main, once        lines that follow
//   8                 u32   epoch          -               main              number of the snapshot that requests meet
//   12                u32   hashSeedLow    -               main, once        seed of every key hash, random per process
//   16                u32   hashSeedHigh   -               main, once
//   20                u32   draining       0 | 1           main              1: answers carry Connection: close
//   24                u32   memoryShed     1/1000          main              the share of requests to shed for want of memory
//   64 + 448·w + 0    u32   status         WorkerStatus    main              what the main thread thinks of worker w
//   64 + 448·w + 4    u32   heartMs        ms mod 2³²      worker w          monotonic time of its last heart beat
//   64 + 448·w + 8    u32   turn           count mod 2³²   worker w          one more per event handled
//   64 + 448·w + 12   u32   inFlight       exchanges       worker w          under way
//   64 + 448·w + 16   u32   connections    connections     worker w          open client connections
//   64 + 448·w + 20   u32   parked         exchanges       worker w          waiting for a decision
//   64 + 448·w + 24   u32   epoch          -               worker w          number of the snapshot it uses
//   64 + 448·w + 28   u32   loopDelayUs    µs              worker w          longest loop delay of the last second
//   64 + 448·w + 32   u32   logLinesDropped count mod 2³²  worker w          lines of the access log that were lost
//   64 + 448·w + 36   u32   logLines       count mod 2³²   worker w          lines of the access log that were written
//   64 + 448·w + 40   u32   spansDropped   count mod 2³²   worker w          trace spans for which there was no room
//   64 + 448·w + 44   u32   spans          count mod 2³²   worker w          trace spans kept
//   64 + 448·w + 48   u32   webSockets     sessions        worker w          open WebSockets
//   64 + 448·w + 52   u32   messagesIn     count mod 2³²   worker w          messages of WebSockets from clients
//   64 + 448·w + 56   u32   messagesOut    count mod 2³²   worker w          messages of WebSockets to clients
//   64 + 448·w + 60   u32   forwardMs      ms mod 2³²      worker w          that authorisers took to answer, all together
//   64 + 448·w + 64   u32   retriesWaiting exchanges       worker w          between two tries at their upstream
//   64 + 448·w + 68   u32   shedsLoop      count mod 2³²   worker w          requests shed because its loop was late
//   64 + 448·w + 72   u32   shedsMemory    count mod 2³²   worker w          requests shed for want of memory
//   64 + 448·w + 76   u32   overload       1/1000          worker w          the share of requests that it sheds
//   64 + 448·w + 80   u32   forwardAllowed count mod 2³²   worker w          questions to authorisers: it may pass
//   64 + 448·w + 84   u32   forwardDenied  count mod 2³²   worker w          it may not
//   64 + 448·w + 88   u32   forwardFailed  count mod 2³²   worker w          no answer, or none to go by
//   64 + 448·w + 92   u32   forwardRemembered count mod 2³² worker w         questions that were not asked again
//   64 + 448·w + 96   u32   mirrorsAnswered count mod 2³²  worker w          copies for mirrors that were answered
//   64 + 448·w + 100  u32   mirrorsFailed  count mod 2³²   worker w          copies for mirrors without a whole answer
//   64 + 448·w + 104  u32   mirrorsTooLarge count mod 2³²  worker w          copies not made: the body is too large
//   64 + 448·w + 108  u32   mirrorsNoRoom  count mod 2³²   worker w          copies not made: too many under way
//   64 + 448·w + 112  u32   mirrorsIncomplete count mod 2³² worker w          copies not sent: the request ended early
//   64 + 448·w + 116  u32   faultsDelayed  count mod 2³²   worker w          requests delayed on purpose
//   64 + 448·w + 120  u32   faultsAborted  count mod 2³²   worker w          requests aborted on purpose
//   64 + 448·w + 124  u32   faultsSkipped  count mod 2³²   worker w          delays not made: too many are waiting
//   64 + 448·w + 128  u32   connectionsRefused count mod 2³² worker w        connections closed at once: too many, of all or of one address
//   64 + 448·w + 132  u32   connectionsClosed count mod 2³² worker w         client connections that have ended
//   64 + 448·w + 192  u32   pins[64]       0 | 1           worker w          1: it may still read arena i
//
// Invariants: every field has one writer at a time; a worker's fields lie on lines of its own; the main thread writes a
// worker's fields only after that worker has ended (zeroWorker).
// Protocol of epochs: an arena is written, posted and attached by every running worker (pins = 1) before `epoch` names
// its snapshot; a worker drops its pin when it has moved on and no exchange of its own uses the snapshot any more.
// Limits: 64 workers, 64 arenas. No operation blocks.

import { assert } from '../base/assert.ts';
import type { WorkerIndex } from '../base/ids.ts';

export const WORKER_COUNT_MAX = 64;

// 64 arenas: 16 workers may each pin 3 snapshots (old stream, current, next), and one is being written (16 × 3 + 1 = 49).
export const ARENA_COUNT = 64;

const MAGIC = 0x51c1ce01;
const HEADER_BYTES = 64;
const WORKER_BYTES = 448;

export const controlBlockLayout = {
  headerBytes: HEADER_BYTES,
  workerBytes: WORKER_BYTES,
  header: { magic: 0, workerCount: 4, epoch: 8, hashSeedLow: 12, hashSeedHigh: 16, draining: 20, memoryShed: 24 },
  worker: {
    status: 0,
    heartMs: 4,
    turn: 8,
    inFlight: 12,
    connections: 16,
    parked: 20,
    epoch: 24,
    loopDelayUs: 28,
    logLinesDropped: 32,
    logLines: 36,
    spansDropped: 40,
    spans: 44,
    webSockets: 48,
    messagesIn: 52,
    messagesOut: 56,
    forwardMs: 60,
    retriesWaiting: 64,
    shedsLoop: 68,
    shedsMemory: 72,
    overload: 76,
    forwardAllowed: 80,
    forwardDenied: 84,
    forwardFailed: 88,
    forwardRemembered: 92,
    mirrorsAnswered: 96,
    mirrorsFailed: 100,
    mirrorsTooLarge: 104,
    mirrorsNoRoom: 108,
    mirrorsIncomplete: 112,
    faultsDelayed: 116,
    faultsAborted: 120,
    faultsSkipped: 124,
    connectionsRefused: 128,
    connectionsClosed: 132,
    pins: 192,
  },
} as const;

/** What the main thread thinks of a worker. */
export const WorkerStatus = { ABSENT: 0, STARTING: 1, RUNNING: 2, LATE: 3, ENDING: 4 } as const;
export type WorkerStatus = (typeof WorkerStatus)[keyof typeof WorkerStatus];

export type WorkerField = Exclude<keyof typeof controlBlockLayout.worker, 'pins'>;

const header = controlBlockLayout.header;

export class ControlBlock {
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength >= HEADER_BYTES, 'a control block has a header');
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    assert(this.#words[header.magic >> 2] === (MAGIC | 0), 'the buffer is a control block');
    this.workerCount = this.#words[header.workerCount >> 2] ?? 0;
  }

  static create(workerCount: number, seedLow: number, seedHigh: number): ControlBlock {
    assert(workerCount >= 1 && workerCount <= WORKER_COUNT_MAX, 'a process has 1 to 64 gateway workers');
    const buffer = new SharedArrayBuffer(HEADER_BYTES + WORKER_BYTES * workerCount);
    const words = new Int32Array(buffer);
    words[header.magic >> 2] = MAGIC | 0;
    words[header.workerCount >> 2] = workerCount;
    words[header.hashSeedLow >> 2] = seedLow | 0;
    words[header.hashSeedHigh >> 2] = seedHigh | 0;
    return new ControlBlock(buffer);
  }

  get hashSeedLow(): number {
    return this.#words[header.hashSeedLow >> 2] ?? 0;
  }

  get hashSeedHigh(): number {
    return this.#words[header.hashSeedHigh >> 2] ?? 0;
  }

  /** @hot one per request */
  epoch(): number {
    return Atomics.load(this.#words, header.epoch >> 2);
  }

  raiseEpoch(epoch: number): void {
    Atomics.store(this.#words, header.epoch >> 2, epoch);
  }

  /** @hot one per response */
  isDraining(): boolean {
    return this.#words[header.draining >> 2] === 1;
  }

  startDraining(): void {
    Atomics.store(this.#words, header.draining >> 2, 1);
  }

  /** The share of requests to shed for want of memory, in thousandths. */
  memoryShed(): number {
    return this.#words[header.memoryShed >> 2] ?? 0;
  }

  setMemoryShed(permille: number): void {
    Atomics.store(this.#words, header.memoryShed >> 2, permille);
  }

  read(worker: WorkerIndex, field: WorkerField): number {
    return Atomics.load(this.#words, this.#at(worker, field));
  }

  /** For the field's one writer. @hot */
  write(worker: WorkerIndex, field: WorkerField, value: number): void {
    this.#words[this.#at(worker, field)] = value;
  }

  /** For the field's one writer. @hot */
  add(worker: WorkerIndex, field: WorkerField, by: number): void {
    const at = this.#at(worker, field);
    this.#words[at] = ((this.#words[at] ?? 0) + by) | 0;
  }

  /** One more event handled: whatever the worker read from shared memory before, it no longer relies on. @hot */
  countTurn(worker: WorkerIndex): void {
    const at = this.#at(worker, 'turn');
    // A store with release semantics: reuse of slots waits for this number to move.
    Atomics.store(this.#words, at, ((this.#words[at] ?? 0) + 1) | 0);
  }

  status(worker: WorkerIndex): WorkerStatus {
    return this.read(worker, 'status') as WorkerStatus;
  }

  setStatus(worker: WorkerIndex, status: WorkerStatus): void {
    Atomics.store(this.#words, this.#at(worker, 'status'), status);
  }

  pin(worker: WorkerIndex, arena: number): void {
    Atomics.store(this.#words, this.#pinAt(worker, arena), 1);
  }

  unpin(worker: WorkerIndex, arena: number): void {
    Atomics.store(this.#words, this.#pinAt(worker, arena), 0);
  }

  isPinned(arena: number): boolean {
    for (let worker = 0; worker < this.workerCount; worker++) {
      if (Atomics.load(this.#words, this.#pinAt(worker as WorkerIndex, arena)) !== 0) return true;
    }
    return false;
  }

  /** After worker's thread has ended: nothing of it is under way any more. Status, turn and what is counted stay. */
  zeroWorker(worker: WorkerIndex): void {
    for (const field of [
      'inFlight',
      'connections',
      'parked',
      'epoch',
      'loopDelayUs',
      'webSockets',
      'retriesWaiting',
      'overload',
    ] as const) {
      Atomics.store(this.#words, this.#at(worker, field), 0);
    }
    for (let arena = 0; arena < ARENA_COUNT; arena++) this.unpin(worker, arena);
  }

  #at(worker: WorkerIndex, field: WorkerField): number {
    return (HEADER_BYTES + WORKER_BYTES * worker + controlBlockLayout.worker[field]) >> 2;
  }

  #pinAt(worker: WorkerIndex, arena: number): number {
    return ((HEADER_BYTES + WORKER_BYTES * worker + controlBlockLayout.worker.pins) >> 2) + arena;
  }
}
