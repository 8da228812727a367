// The copies of requests that a worker has under way. Whatever becomes of them, the requests that they are copies of are
// neither delayed nor failed by it: past its bounds a copy is not made, and counted.

import type { WorkerIndex } from '../../base/ids.ts';
import type { ControlBlock } from '../../shm/control-block.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { LiveUpstream } from '../upstream/live-upstream.ts';
import { MirrorCopy, type MirrorResult } from './mirror-copy.ts';

export const MIRROR_COUNT_MAX = 256;
// 256 bodies of the default bound, 64 KiB.
export const MIRROR_BYTES_MAX = 16 * 1024 * 1024;

const counters = {
  answered: 'mirrorsAnswered',
  failed: 'mirrorsFailed',
  'too-large': 'mirrorsTooLarge',
  'no-room': 'mirrorsNoRoom',
  incomplete: 'mirrorsIncomplete',
} as const satisfies Record<MirrorResult, string>;

export class Mirrors {
  readonly #control: ControlBlock;
  readonly #worker: WorkerIndex;
  readonly #copies = new Set<MirrorCopy>();
  /** What their bodies may come to. */
  #bytes = 0;

  constructor(control: ControlBlock, worker: WorkerIndex) {
    this.#control = control;
    this.#worker = worker;
  }

  /** Of copies that are being gathered or sent. */
  get count(): number {
    return this.#copies.size;
  }

  /** @returns the copy, which gathers the body from here on; undefined where there is to be none */
  open(x: Exchange, upstream: LiveUpstream, bodyBytesMax: number): MirrorCopy | undefined {
    if (x.bodyLength > bodyBytesMax) return this.#refuse('too-large');
    // Of a chunked body nobody knows how long it will be.
    const bytes = x.bodyLength < 0 ? bodyBytesMax : x.bodyLength;
    if (this.#copies.size >= MIRROR_COUNT_MAX || this.#bytes + bytes > MIRROR_BYTES_MAX) return this.#refuse('no-room');
    const copy = new MirrorCopy(x, upstream, this, bytes);
    this.#copies.add(copy);
    this.#bytes += bytes;
    copy.begin();
    return copy;
  }

  /** Called by the copy, once. */
  close(copy: MirrorCopy, result: MirrorResult): void {
    this.#copies.delete(copy);
    this.#bytes -= copy.bytesMax;
    this.#count(result);
  }

  /** The worker's tick: gives up those that take too long. */
  tick(nowMs: number): void {
    for (const copy of this.#copies) if (copy.dueMs <= nowMs) copy.expire();
  }

  #refuse(result: MirrorResult): undefined {
    this.#count(result);
  }

  #count(result: MirrorResult): void {
    this.#control.add(this.#worker, counters[result], 1);
  }
}
