// The store that instances share: one Redis, the one that sentinels call the master, or the masters of a cluster. Its callers
// know nothing of that but two things: in a cluster, the keys of a script must lie in one slot (keySlot), and which server they
// talk to is a question of the key (serverIdOf).
//
// Nothing is redirected: what was moved fails at once, and the map of slots is asked for anew. A command that went on to
// another server would carry the id of the first, and a replica that has become the master holds the very marker that this id
// matches: it would pass for a store that has lost nothing (docs/decisions/0018-redis-cluster-and-sentinel.md).

import { assert } from '../../base/assert.ts';
import { err, type Result } from '../../base/result.ts';
import { keySlot } from './key-slot.ts';
import type { Script } from './script.ts';
import { oneServer, type ServedSlots } from './served-slots.ts';
import { parseStoreAddress, type StoreAddress } from './store-address.ts';
import { serverClient } from './store-client.ts';
import type { StoreError } from './store-error.ts';
import { StoreGuide } from './store-guide.ts';
import { StoreServer } from './store-server.ts';
import type { StoreState, StoreStatus } from './store-state.ts';

/** How long a request may wait for a store (architecture, section 3). */
export const COMMAND_TIMEOUT_MS = 50;
const NAME = 'sluice';

export interface RedisSettings {
  /** What parseStoreAddress takes. */
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly name?: string;
  readonly commandTimeoutMs?: number;
}

export class RedisConnection {
  readonly #address: StoreAddress;
  readonly #name: string;
  readonly #commandTimeoutMs: number;
  readonly #onChange: (state: StoreState) => void;
  readonly #guide: StoreGuide | undefined;
  /** By host and port. */
  readonly #servers = new Map<string, StoreServer>();
  /** The same in the order of #served.masters. */
  #masters: readonly StoreServer[] = [];
  #served: ServedSlots = { masters: [], ownerOf: new Uint16Array(0) };
  #guideError: StoreError | undefined;
  #state: StoreState = { status: 'failing', sinceMs: Date.now(), error: undefined, downCount: 0 };
  /** All servers' ids, to notice another one. */
  #ids = '';

  /**
   * @param onChange  called on every change of the status; of a cluster also when another master answers, or one does no more
   * @throws {AssertionError} for an address that is none
   */
  constructor(settings: RedisSettings, onChange: (state: StoreState) => void = () => {}) {
    const address = parseStoreAddress(settings.url);
    assert(address.ok, 'an address was checked before it is used');
    this.#address = address.value;
    this.#name = settings.name ?? NAME;
    this.#commandTimeoutMs = settings.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
    this.#onChange = onChange;
    const [first] = address.value.hosts;
    assert(first !== undefined, 'an address names a host');
    if (address.value.kind === 'single') this.#serve(oneServer(first));
    else this.#guide = this.#startGuide();
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Whether records lie on several servers by their keys' slots. */
  get isCluster(): boolean {
    return this.#address.kind === 'cluster';
  }

  /**
   * Whether any server throws away keys when it is full (any maxmemory-policy but noeviction, and a maxmemory). A counter that is
   * gone is one that was never used: limits then hold no more.
   */
  get mayEvict(): boolean {
    return this.#masters.some((server) => server.mayEvict);
  }

  /** Of the process that has this key; '' without a connection to it that may be used. */
  serverIdOf(key: string): string {
    return this.#serverOf(key)?.serverId ?? '';
  }

  /**
   * Run a script. What is asked of a server in one turn of the loop goes out as one write.
   * @param keys  in a cluster of one slot; none: on any server
   * @returns its reply; or why there is none. Unless the error says that the server refused, it may have been executed.
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Result<unknown, StoreError>> {
    const server = keys[0] === undefined ? this.#masters[0] : this.#serverOf(keys[0]);
    if (server === undefined) {
      const message = this.#masters.length === 0 ? 'not connected yet' : 'no master serves the slot';
      return err(this.#guideError ?? { kind: 'down', message });
    }
    const reply = await server.run(script, keys, args);
    if (!reply.ok && isElsewhere(reply.error)) this.#guide?.doubt();
    return reply;
  }

  /** Nothing is waited for: what is under way fails. */
  close(): void {
    this.#change({ status: 'closed', error: undefined, downCount: 0 });
    this.#guide?.close();
    for (const server of this.#servers.values()) server.close();
  }

  #startGuide(): StoreGuide {
    return new StoreGuide({
      address: this.#address,
      name: this.#name,
      onAnswer: (served) => {
        this.#guideError = undefined;
        this.#serve(served);
      },
      onFail: (error) => {
        this.#guideError = error;
        this.#look();
      },
    });
  }

  /** Connect to those that are new, and let go of those that serve nothing any more. */
  #serve(served: ServedSlots): void {
    const keyed = served.masters.map((master) => ({ master, key: `${master.host}:${master.port}` }));
    this.#masters = keyed.map(({ master, key }) => {
      const known = this.#servers.get(key);
      if (known !== undefined) return known;
      const client = serverClient(this.#address, master, this.#name, this.#commandTimeoutMs);
      const server = new StoreServer(client, {
        commandTimeoutMs: this.#commandTimeoutMs,
        mustBeMaster: this.#address.kind !== 'single',
        onChange: () => this.#onServer(server),
      });
      this.#servers.set(key, server);
      return server;
    });
    this.#served = served;
    const used = new Set(keyed.map(({ key }) => key));
    for (const [key, server] of this.#servers) {
      if (used.has(key)) continue;
      this.#servers.delete(key);
      server.close();
    }
    this.#look();
  }

  #serverOf(key: string): StoreServer | undefined {
    if (!this.isCluster) return this.#masters[0];
    const owner = this.#served.ownerOf[keySlot(key)] ?? 0;
    return this.#masters[owner - 1];
  }

  #onServer(server: StoreServer): void {
    if (server.status === 'failing') this.#guide?.doubt();
    this.#look();
  }

  /** What the servers' states come to. */
  #look(): void {
    const up = this.#masters.filter(({ status }) => status === 'up');
    const down = this.#masters.filter(({ status, error }) => status !== 'up' && error !== undefined);
    // At the start, a cluster is up when each of its masters has been tried.
    const isTried = up.length + down.length === this.#masters.length || this.#state.status === 'up';
    const status: StoreStatus = up.length > 0 && isTried ? 'up' : 'failing';
    const error = down[0]?.error ?? (status === 'up' ? undefined : (this.#guideError ?? this.#state.error));
    this.#change({ status, error, downCount: status === 'up' ? down.length : 0 });
  }

  #change(next: Omit<StoreState, 'sinceMs'>): void {
    const before = this.#state;
    if (before.status === 'closed') return;
    const ids = this.#masters.map(({ serverId }) => serverId).join();
    const isOther = ids !== this.#ids && next.status === 'up';
    this.#ids = ids;
    const isNew = next.status !== before.status;
    this.#state = { ...next, sinceMs: isNew ? Date.now() : before.sinceMs };
    if (isNew || next.downCount !== before.downCount || isOther) this.#onChange(this.#state);
  }
}

/** The slot or the role lies with another server by now. */
function isElsewhere({ kind }: StoreError): boolean {
  return kind === 'moved' || kind === 'readonly' || kind === 'clusterdown';
}
