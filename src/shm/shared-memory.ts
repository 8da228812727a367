// All shared memory of a process, as one value that can be posted to its threads.
//
//   table        file                   bytes                      written by
//   --------------------------------------------------------------------------------------------
//   control      control-block.ts       64 + 384 per worker        main thread and workers
//   series       series-table.ts        1 MiB, and as much per worker  workers and main thread
//   histograms   histogram-table.ts     64 KiB, and 48 MiB per worker, of which what is written is resident  workers
//   targets      target-table.ts        256 KiB                    workers
//   loads        load-table.ts          320 KiB, and 128 KiB per worker  workers and main thread
//   limits       limit-table.ts         see there                  workers and main thread
//   concurrency  concurrency-table.ts   see there                  workers and main thread
//
// Arenas (arena.ts) come and go beside these: each is posted with its snapshot.

import { ConcurrencyTable } from './concurrency-table.ts';
import { ControlBlock } from './control-block.ts';
import { HistogramTable } from './histogram-table.ts';
import { LimitTable } from './limit-table.ts';
import { LoadTable } from './load-table.ts';
import { SeriesTable } from './series-table.ts';
import { TargetTable } from './target-table.ts';

export interface SharedBuffers {
  readonly control: SharedArrayBuffer;
  readonly series: SharedArrayBuffer;
  readonly histograms: SharedArrayBuffer;
  readonly targets: SharedArrayBuffer;
  readonly loads: SharedArrayBuffer;
  readonly limits: SharedArrayBuffer;
  readonly concurrency: SharedArrayBuffer;
}

export class SharedMemory {
  readonly control: ControlBlock;
  readonly series: SeriesTable;
  readonly histograms: HistogramTable;
  readonly targets: TargetTable;
  readonly loads: LoadTable;
  readonly limits: LimitTable;
  readonly concurrency: ConcurrencyTable;

  constructor(buffers: SharedBuffers) {
    this.control = new ControlBlock(buffers.control);
    this.series = new SeriesTable(buffers.series);
    this.histograms = new HistogramTable(buffers.histograms);
    this.targets = new TargetTable(buffers.targets);
    this.loads = new LoadTable(buffers.loads);
    this.limits = new LimitTable(buffers.limits);
    this.concurrency = new ConcurrencyTable(buffers.concurrency);
  }

  /** @param seedLow, seedHigh  random, so that nobody outside can aim keys at one slot */
  static create(workerCount: number, seedLow: number, seedHigh: number): SharedMemory {
    return new SharedMemory({
      control: ControlBlock.create(workerCount, seedLow, seedHigh).buffer,
      series: SeriesTable.create(workerCount).buffer,
      histograms: HistogramTable.create(workerCount).buffer,
      targets: TargetTable.create().buffer,
      loads: LoadTable.create(workerCount).buffer,
      limits: LimitTable.create().buffer,
      concurrency: ConcurrencyTable.create(workerCount).buffer,
    });
  }

  buffers(): SharedBuffers {
    return {
      control: this.control.buffer,
      series: this.series.buffer,
      histograms: this.histograms.buffer,
      targets: this.targets.buffer,
      loads: this.loads.buffer,
      limits: this.limits.buffer,
      concurrency: this.concurrency.buffer,
    };
  }
}
