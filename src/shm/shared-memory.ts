// All shared memory of a process, as one value that can be posted to its threads.
//
//   table        file                   bytes                      written by
//   --------------------------------------------------------------------------------------------
//   control      control-block.ts       64 + 448 per worker        main thread and workers
//   series       series-table.ts        1 MiB, and as much per worker  workers and main thread
//   histograms   histogram-table.ts     64 KiB, and 48 MiB per worker, of which what is written is resident  workers
//   targets      target-table.ts        512 KiB, and 32 KiB per worker  workers and main thread
//   upstreams    upstream-table.ts      1.3 MiB                    workers
//   loads        load-table.ts          320 KiB, and 128 KiB per worker  workers and main thread
//   limits       limit-table.ts         see there                  workers and main thread
//   leases       lease-table.ts         8 MiB, of which what is used is resident  workers and main thread
//   concurrency  concurrency-table.ts   see there                  workers and main thread
//   quotas       quota-table.ts         2 MiB                      workers and main thread
//   shadow       shadow-table.ts        256 KiB, and 8 KiB per worker  workers
//   nonces       nonce-table.ts         16 MiB, of which what is used is resident  workers
//   usage        usage-table.ts         2.1 MiB per worker, of which what is written is resident  workers and main thread
//
// Arenas (arena.ts) come and go beside these: each is posted with its snapshot.

import { ConcurrencyTable } from './concurrency-table.ts';
import { ControlBlock } from './control-block.ts';
import { HistogramTable } from './histogram-table.ts';
import { LeaseTable } from './lease-table.ts';
import { LIMIT_COUNT, LIMIT_SLOT_COUNT, LimitTable } from './limit-table.ts';
import { LoadTable } from './load-table.ts';
import { NonceTable } from './nonce-table.ts';
import { QuotaTable } from './quota-table.ts';
import { SeriesTable } from './series-table.ts';
import { ShadowTable } from './shadow-table.ts';
import { TargetTable } from './target-table.ts';
import { UpstreamTable } from './upstream-table.ts';
import { UsageTable } from './usage-table.ts';

export interface SharedBuffers {
  readonly control: SharedArrayBuffer;
  readonly series: SharedArrayBuffer;
  readonly histograms: SharedArrayBuffer;
  readonly targets: SharedArrayBuffer;
  readonly upstreams: SharedArrayBuffer;
  readonly loads: SharedArrayBuffer;
  readonly limits: SharedArrayBuffer;
  readonly leases: SharedArrayBuffer;
  readonly concurrency: SharedArrayBuffer;
  readonly quotas: SharedArrayBuffer;
  readonly shadow: SharedArrayBuffer;
  readonly nonces: SharedArrayBuffer;
  readonly usage: SharedArrayBuffer;
}

export class SharedMemory {
  readonly control: ControlBlock;
  readonly series: SeriesTable;
  readonly histograms: HistogramTable;
  readonly targets: TargetTable;
  readonly upstreams: UpstreamTable;
  readonly loads: LoadTable;
  readonly limits: LimitTable;
  readonly leases: LeaseTable;
  readonly concurrency: ConcurrencyTable;
  readonly quotas: QuotaTable;
  readonly shadow: ShadowTable;
  readonly nonces: NonceTable;
  readonly usage: UsageTable;

  constructor(buffers: SharedBuffers) {
    this.control = new ControlBlock(buffers.control);
    this.series = new SeriesTable(buffers.series);
    this.histograms = new HistogramTable(buffers.histograms);
    this.targets = new TargetTable(buffers.targets);
    this.upstreams = new UpstreamTable(buffers.upstreams);
    this.loads = new LoadTable(buffers.loads);
    this.limits = new LimitTable(buffers.limits);
    this.leases = new LeaseTable(buffers.leases);
    this.concurrency = new ConcurrencyTable(buffers.concurrency);
    this.quotas = new QuotaTable(buffers.quotas);
    this.shadow = new ShadowTable(buffers.shadow);
    this.nonces = new NonceTable(buffers.nonces);
    this.usage = new UsageTable(buffers.usage);
  }

  /**
   * @param seedLow, seedHigh  random, so that nobody outside can aim keys at one slot
   * @param limitKeys  of limits, in debt at once; there are twice as many slots, and memory is taken as they are used
   */
  static create(workerCount: number, seedLow: number, seedHigh: number, limitKeys?: number): SharedMemory {
    const limitSlots = limitKeys === undefined ? LIMIT_SLOT_COUNT : 2 ** Math.ceil(Math.log2(2 * limitKeys));
    return new SharedMemory({
      control: ControlBlock.create(workerCount, seedLow, seedHigh).buffer,
      series: SeriesTable.create(workerCount).buffer,
      histograms: HistogramTable.create(workerCount).buffer,
      targets: TargetTable.create(workerCount).buffer,
      upstreams: UpstreamTable.create().buffer,
      loads: LoadTable.create(workerCount).buffer,
      limits: LimitTable.create(LIMIT_COUNT, limitSlots).buffer,
      leases: LeaseTable.create().buffer,
      concurrency: ConcurrencyTable.create(workerCount + 1).buffer,
      quotas: QuotaTable.create().buffer,
      shadow: ShadowTable.create(workerCount).buffer,
      nonces: NonceTable.create().buffer,
      usage: UsageTable.create(workerCount).buffer,
    });
  }

  buffers(): SharedBuffers {
    return {
      control: this.control.buffer,
      series: this.series.buffer,
      histograms: this.histograms.buffer,
      targets: this.targets.buffer,
      upstreams: this.upstreams.buffer,
      loads: this.loads.buffer,
      limits: this.limits.buffer,
      leases: this.leases.buffer,
      concurrency: this.concurrency.buffer,
      quotas: this.quotas.buffer,
      shadow: this.shadow.buffer,
      nonces: this.nonces.buffer,
      usage: this.usage.buffer,
    };
  }
}
