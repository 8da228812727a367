// Publishes snapshots: a configuration file becomes, whole or not at all, what every request meets.
//
//   file ──task pool: parse, check, compile──▶ arena ──attach──▶ every worker ──acknowledged──▶ limits, epoch
//
// Until the epoch is raised nothing that a request sees has changed; raising it is one store.

import { pack } from 'msgpackr';
import type { LoadIndex, SeriesIndex, TargetIndex, UpstreamIndex } from '../../base/ids.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { Arena } from '../../shm/arena.ts';
import { LOAD_COUNT } from '../../shm/load-table.ts';
import { SERIES_COUNT } from '../../shm/series-table.ts';
import type { SharedMemory } from '../../shm/shared-memory.ts';
import { TARGET_COUNT } from '../../shm/target-table.ts';
import { UPSTREAM_COUNT } from '../../shm/upstream-table.ts';
import { CALLER_COUNT, OTHER_CALLER } from '../../shm/usage-table.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { LimitRegistry } from '../quota/limit-registry.ts';
import { type ArenaSlot, Arenas } from './arenas.ts';
import type { SnapshotSummary } from './compile-snapshot.ts';
import type { UpstreamSummary } from './compile-upstreams.ts';
import type { ConfigChanges } from './config-inventory.ts';
import { NameTable } from './name-table.ts';

/** The task pool's answer to 'compile this file'. */
export type CompileAnswer =
  | {
      readonly ok: true;
      readonly gateway: GatewayConfig;
      readonly summary: SnapshotSummary;
      readonly buffer: SharedArrayBuffer;
      /** What it was compiled from (config-source.ts). */
      readonly source: Uint8Array;
      readonly warnings: readonly string[];
      /** What it holds, and what of that is new; absent where a kept source was compiled once more. */
      readonly told?: { readonly inventory: Uint8Array; readonly changes: ConfigChanges };
    }
  | { readonly ok: false; readonly problems: readonly string[] };

export interface PublishedSnapshot {
  readonly epoch: number;
  readonly arena: number;
  readonly buffer: SharedArrayBuffer;
}

export interface PublisherOptions {
  readonly shm: SharedMemory;
  readonly limits: LimitRegistry;
  /**
   * @param recycled  an arena that may be written into
   * @param kept  a source to be compiled once more; undefined: the file as it is now
   * @param inventory  of what is published now
   */
  compile(
    epoch: number,
    recycled: SharedArrayBuffer | undefined,
    kept: Uint8Array | undefined,
    inventory: Uint8Array | undefined,
  ): Promise<CompileAnswer>;
  /** Have every worker hold the snapshot ready; resolves to those that did not. */
  attach(snapshot: PublishedSnapshot): Promise<readonly number[]>;
  discard(epoch: number): void;
  /** Indexes of series and callers may be about to go to other names: resolves when what was counted under them is read. */
  settleUsage?(): Promise<void>;
  /**
   * A publication has ended.
   * @param current  what is published now
   * @param isNew  it is what has just been compiled; false: that was refused, or failed
   */
  onSettled?(current: SnapshotSummary | undefined, isNew: boolean): void;
}

/** @returns the problems that a compiled configuration has with what is running */
export type MayPublish = (gateway: GatewayConfig) => readonly string[] | Promise<readonly string[]>;

export interface Publication {
  readonly epoch: number;
  readonly gateway: GatewayConfig;
  readonly summary: SnapshotSummary;
  readonly warnings: readonly string[];
  /** Undefined: it is the same configuration, with other targets. */
  readonly changes: ConfigChanges | undefined;
}

/** An upstream that requests may meet, and where it is in the shared upstream table. */
export interface PublishedUpstream extends Pick<UpstreamSummary, 'name' | 'hasCircuit' | 'hasRetries' | 'fallback'> {
  readonly index: UpstreamIndex;
}

interface HeldSnapshot extends PublishedSnapshot {
  readonly slot: ArenaSlot;
  readonly summary: SnapshotSummary;
  readonly upstreams: readonly PublishedUpstream[];
  /** Entries of the limit table. */
  readonly limits: Int32Array;
}

// Between a service's name and its route's: neither may contain it.
const NAME_SEPARATOR = '\n';

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #arenas: Arenas;
  readonly #series: NameTable;
  #seriesNames: Uint8Array | undefined;
  readonly #targets: NameTable;
  readonly #upstreams: NameTable;
  readonly #loads: NameTable;
  readonly #callers = new NameTable(CALLER_COUNT, OTHER_CALLER + 1, OTHER_CALLER);
  #current: HeldSnapshot | undefined;
  /** Replaced ones that exchanges under way may still use. */
  #replaced: HeldSnapshot[] = [];
  #pending: PublishedSnapshot | undefined;
  #source: Uint8Array | undefined;
  #inventory: Uint8Array | undefined;
  #epoch = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#arenas = new Arenas(options.shm.control);
    this.#series = new NameTable(SERIES_COUNT, 1, 0, (index) => {
      options.shm.series.startAgain(index as SeriesIndex);
      options.shm.histograms.startAgain(index as SeriesIndex);
    });
    this.#targets = new NameTable(TARGET_COUNT, 0, 0, (index) => options.shm.targets.reset(index as TargetIndex));
    this.#upstreams = new NameTable(UPSTREAM_COUNT, 0, 0, (index) =>
      options.shm.upstreams.reset(index as UpstreamIndex),
    );
    this.#loads = new NameTable(LOAD_COUNT, 0, 0, (index) => options.shm.loads.reset(index as LoadIndex));
  }

  /** What a worker that starts now must attach. */
  snapshots(): readonly PublishedSnapshot[] {
    return [this.#current, this.#pending].filter((snapshot) => snapshot !== undefined);
  }

  get epoch(): number {
    return this.#current?.epoch ?? 0;
  }

  /** What requests meet now. */
  get published(): { readonly buffer: SharedArrayBuffer; readonly summary: SnapshotSummary } | undefined {
    return this.#current;
  }

  get arenaBytes(): number {
    return this.#arenas.bytes;
  }

  /**
   * MessagePack of ['service\nroute', index][]: every series but `other`, whose index is 0. Of rules that steer, the name is
   * 'service\nroute\nrule'.
   */
  seriesNames(): Uint8Array {
    this.#seriesNames ??= pack([...this.#series.entries()]);
    return this.#seriesNames;
  }

  /** 'consumer\nkey\nplan'; undefined: nobody's, or that of callers who found no index of their own. */
  callerName(index: number): string | undefined {
    return this.#callers.nameOf(index);
  }

  /** 'service\nroute'; undefined: `other`. */
  routeName(index: number): string | undefined {
    return this.#series.nameOf(index);
  }

  /** 'upstream\norigin' of every target that requests may meet, with its index. */
  targets(): readonly [string, number][] {
    const names = new Set(this.#current?.summary.targetNames.map(joinName));
    return [...this.#targets.entries()].filter(([name]) => names.has(name));
  }

  /** Every upstream that requests may meet. */
  upstreams(): readonly PublishedUpstream[] {
    return this.#current?.upstreams ?? [];
  }

  /** Every upstream that requests may meet and that has a limit, with its index. */
  loads(): readonly [string, LoadIndex][] {
    const names = new Set(this.#current?.summary.loadNames);
    return [...this.#loads.entries()].filter(([name]) => names.has(name)) as [string, LoadIndex][];
  }

  /**
   * Compile and publish. One at a time: the caller waits for the last one.
   * @param mayPublish  looks at the compiled configuration first; its problems stop the publication
   * @param what  the file as it is now, or once more what is published, though the file may have changed
   * @returns what is published now, or every problem; then the old snapshot goes on, untouched
   */
  async publish(
    mayPublish: MayPublish,
    what: 'file' | 'again' = 'file',
  ): Promise<Result<Publication, readonly string[]>> {
    const result = await this.#publish(mayPublish, what === 'file' ? undefined : this.#source);
    this.#options.onSettled?.(this.#current?.summary, result.ok);
    return result;
  }

  async #publish(
    mayPublish: MayPublish,
    kept: Uint8Array | undefined,
  ): Promise<Result<Publication, readonly string[]>> {
    this.#releaseUnused();
    const slot = this.#arenas.reserve();
    if (slot === undefined) return err(['every arena is in use by requests under way; try again later']);
    const result = await this.#publishInto(slot, mayPublish, kept);
    if (!result.ok) this.#arenas.release(slot);
    return result;
  }

  async #publishInto(
    slot: ArenaSlot,
    mayPublish: MayPublish,
    kept: Uint8Array | undefined,
  ): Promise<Result<Publication, readonly string[]>> {
    const epoch = ++this.#epoch;
    const answer = await this.#options.compile(epoch, slot.buffer, kept, this.#inventory).catch(compilerFailed);
    if (!answer.ok) return err(answer.problems);
    slot.buffer = answer.buffer;
    const problems = await mayPublish(answer.gateway);
    if (problems.length > 0) return err(problems);
    if (answer.summary.targetNames.length > TARGET_COUNT) return err([`there are more than ${TARGET_COUNT} targets`]);
    if (answer.summary.upstreams.length > UPSTREAM_COUNT)
      return err([`there are more than ${UPSTREAM_COUNT} upstreams`]);
    if (answer.summary.loadNames.length > LOAD_COUNT)
      return err([`more than ${LOAD_COUNT} upstreams have concurrency`]);
    const arena = new Arena(answer.buffer);
    const limits = this.#options.limits.resolve(answer.summary.limits);
    if (!limits.ok) return err([limits.error]);
    arena.writeIndexes('limitsAt', limits.value);
    const { routeNames, steerNames, targetNames, callerNames } = answer.summary;
    const seriesNames = [...routeNames, ...steerNames].map(joinName);
    const callers = callerNames.map(joinName);
    if (this.#series.isFullFor(seriesNames) || this.#callers.isFullFor(callers)) await this.#options.settleUsage?.();
    this.#seriesNames = undefined;
    arena.writeIndexes(
      'seriesAt',
      this.#series.resolve(seriesNames, () => this.#namesInUse('routeNames', 'steerNames')),
    );
    arena.writeIndexes(
      'callersAt',
      this.#callers.resolve(callers, () => this.#namesInUse('callerNames')),
    );
    const targets = this.#targets.resolve(targetNames.map(joinName), () => this.#namesInUse('targetNames'));
    arena.writeIndexes('targetsAt', targets);
    this.#welcome(targetNames, targets);
    const upstreams = this.#resolveUpstreams(answer.summary.upstreams);
    arena.writeIndexes(
      'upstreamsAt',
      upstreams.map(({ index }) => index),
    );
    arena.writeIndexes(
      'loadsAt',
      this.#loads.resolve(answer.summary.loadNames, () => this.#held().flatMap(({ summary }) => summary.loadNames)),
    );
    const snapshot = { epoch, arena: slot.index, buffer: answer.buffer };
    this.#pending = snapshot;
    const late = await this.#options.attach(snapshot);
    this.#pending = undefined;
    if (late.length > 0) {
      this.#options.discard(epoch);
      this.#options.limits.release(limits.value);
      // The late ones have yet to attach these bytes, before they are told to discard them: they must not change.
      slot.buffer = undefined;
      return err([`worker ${late.join(', ')} did not take the new snapshot in time`]);
    }
    this.#source = answer.source;
    this.#inventory = answer.told?.inventory ?? this.#inventory;
    this.#raise({ ...snapshot, slot, summary: answer.summary, limits: limits.value, upstreams });
    const { gateway, summary, warnings, told } = answer;
    return ok({ epoch, gateway, summary, warnings, changes: told?.changes });
  }

  /** Targets that were not there a moment ago are new, whatever is known of them from before. */
  #welcome(names: SnapshotSummary['targetNames'], indexes: Int32Array): void {
    const known = new Set(this.#namesInUse('targetNames'));
    names.forEach((name, at) => {
      if (!known.has(joinName(name))) this.#options.shm.targets.reset(indexes[at] as TargetIndex);
    });
  }

  /** Of the snapshot that goes on if this publication fails, and of those that exchanges still use. */
  #namesInUse(...kinds: readonly ('routeNames' | 'steerNames' | 'targetNames' | 'callerNames')[]): readonly string[] {
    return this.#held().flatMap(({ summary }) => kinds.flatMap((kind) => summary[kind].map(joinName)));
  }

  #held(): readonly HeldSnapshot[] {
    return this.#current === undefined ? this.#replaced : [this.#current, ...this.#replaced];
  }

  /** In the order of the arena's table. */
  #resolveUpstreams(upstreams: readonly UpstreamSummary[]): readonly PublishedUpstream[] {
    const indexes = this.#upstreams.resolve(
      upstreams.map(({ name }) => name),
      () => this.#held().flatMap((snapshot) => snapshot.upstreams.map(({ name }) => name)),
    );
    return upstreams.map((upstream, place) => ({ ...upstream, index: indexes[place] as UpstreamIndex }));
  }

  #raise(snapshot: HeldSnapshot): void {
    if (this.#current !== undefined) this.#replaced.push(this.#current);
    this.#current = snapshot;
    this.#options.limits.commit();
    this.#options.shm.control.raiseEpoch(snapshot.epoch);
  }

  // Workers move on at their next request or tick, and unpin when their last exchange of the old snapshot has ended.
  #releaseUnused(): void {
    this.#replaced = this.#replaced.filter((snapshot) => {
      if (this.#options.shm.control.isPinned(snapshot.arena)) return true;
      this.#arenas.release(snapshot.slot);
      this.#options.limits.release(snapshot.limits);
      return false;
    });
  }
}

function joinName(name: readonly string[]): string {
  return name.join(NAME_SEPARATOR);
}

function compilerFailed(error: unknown): CompileAnswer {
  return { ok: false, problems: [`the configuration could not be compiled: ${String(error)}`] };
}
