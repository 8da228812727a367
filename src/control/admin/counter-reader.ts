// Adds up what the workers count. Words in shared memory wrap at 2³²; this reads them often enough (each scrape, and at
// least every 10 s: 2³² requests take longer) and keeps totals as numbers.

import type { SeriesIndex, WorkerIndex } from '../../base/ids.ts';
import { ERROR_ID_COUNT } from '../../gateway/pipeline/errors.ts';
import { SERIES_COUNT, SERIES_WORDS, type SeriesTable, STATUS_CLASSES } from '../../shm/series-table.ts';

export class CounterReader {
  readonly #table: SeriesTable;
  /** Words as last read, per worker. */
  readonly #lastSeries: Uint32Array[];
  readonly #lastRejections: Uint32Array[];
  readonly #series = new Float64Array(SERIES_COUNT * SERIES_WORDS);
  readonly #rejections = new Float64Array(ERROR_ID_COUNT);
  /** Whose totals a series' are. */
  readonly #names: (string | undefined)[] = [];

  constructor(table: SeriesTable) {
    this.#table = table;
    const perWorker = (words: number) => Array.from({ length: table.workerCount }, () => new Uint32Array(words));
    this.#lastSeries = perWorker(SERIES_COUNT * SERIES_WORDS);
    this.#lastRejections = perWorker(ERROR_ID_COUNT);
  }

  /**
   * @param series  names with their indexes; all other series but `other` are zero. One whose index was another name's
   *   starts at zero: what was counted until now is the other's.
   */
  poll(series: Iterable<readonly [name: string, index: number]>): void {
    let seriesCount = 1;
    const restarted: number[] = [];
    for (const [name, index] of series) {
      seriesCount = Math.max(seriesCount, index + 1);
      const owner = this.#names[index];
      if (owner !== undefined && owner !== name) restarted.push(index * SERIES_WORDS);
      this.#names[index] = name;
    }
    this.#pollWorkers(seriesCount);
    for (const at of restarted) this.#series.fill(0, at, at + SERIES_WORDS);
  }

  #pollWorkers(seriesCount: number): void {
    for (let worker = 0; worker < this.#table.workerCount; worker++) {
      this.#pollSeries(worker as WorkerIndex, seriesCount);
      const last = this.#lastRejections[worker] as Uint32Array;
      for (let id = 1; id < ERROR_ID_COUNT; id++) {
        const word = this.#table.readRejections(worker as WorkerIndex, id);
        this.#rejections[id] = (this.#rejections[id] as number) + ((word - (last[id] as number)) >>> 0);
        last[id] = word;
      }
    }
  }

  /** Exchanges of a series that ended with a status class (index of STATUS_CLASSES), since the start. */
  exchanges(series: number, statusClass: number): number {
    return this.#series[series * SERIES_WORDS + statusClass] ?? 0;
  }

  rejections(errorId: number): number {
    return this.#rejections[errorId] ?? 0;
  }

  #pollSeries(worker: WorkerIndex, seriesCount: number): void {
    const last = this.#lastSeries[worker] as Uint32Array;
    for (let series = 0; series < seriesCount; series++) {
      for (let statusClass = 0; statusClass < STATUS_CLASSES.length; statusClass++) {
        const word = this.#table.read(worker, series as SeriesIndex, statusClass);
        const at = series * SERIES_WORDS + statusClass;
        const difference = (word - (last[at] as number)) >>> 0;
        if (difference === 0) continue;
        this.#series[at] = (this.#series[at] as number) + difference;
        last[at] = word;
      }
    }
  }
}
