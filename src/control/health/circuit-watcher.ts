// Tells the log when circuits open and close. Workers change them, each change one time, and have no log: the main thread looks.

import { CircuitState, msUntil, type UpstreamTable } from '../../shm/upstream-table.ts';
import type { Log } from '../log.ts';
import type { PublishedUpstream } from '../releases/publisher.ts';
import { circuitStateOf } from './circuit-state.ts';

/** How often to look: a change is told within this time. One read for each upstream with a circuit. */
export const CIRCUIT_LOOK_MS = 250;

interface Seen {
  readonly state: CircuitState;
  readonly opened: number;
}

const UNSEEN: Seen = { state: CircuitState.CLOSED, opened: 0 };

export class CircuitWatcher {
  readonly #table: UpstreamTable;
  readonly #upstreams: () => readonly PublishedUpstream[];
  readonly #log: Log;
  #seen = new Map<string, Seen>();

  constructor(table: UpstreamTable, upstreams: () => readonly PublishedUpstream[], log: Log) {
    this.#table = table;
    this.#upstreams = upstreams;
    this.#log = log;
  }

  look(nowMs: number): void {
    const seen = new Map<string, Seen>();
    for (const upstream of this.#upstreams()) {
      if (upstream.hasCircuit) seen.set(upstream.name, this.#lookAt(upstream, nowMs));
    }
    this.#seen = seen;
  }

  #lookAt({ name, index }: PublishedUpstream, nowMs: number): Seen {
    const before = this.#seen.get(name) ?? UNSEEN;
    const word = this.#table.circuit(index);
    const now: Seen = { state: circuitStateOf(word, nowMs), opened: this.#table.opened(index) };
    // Between two looks it may have opened again, or opened and closed.
    if (now.opened !== before.opened) this.#tellOpened(name, now.state, msUntil(word, nowMs));
    const hasClosed = before.state !== CircuitState.CLOSED || now.opened !== before.opened;
    if (now.state === CircuitState.CLOSED && hasClosed) {
      this.#log('info', `upstream ${name}: its trials succeeded, the circuit is closed`);
    }
    return now;
  }

  #tellOpened(name: string, state: CircuitState, leftMs: number): void {
    const rest = state === CircuitState.OPEN ? ` for ${Math.ceil(leftMs / 1_000)} s` : '';
    this.#log('warn', `upstream ${name} fails: the circuit has opened, it gets no requests${rest}`);
  }
}
