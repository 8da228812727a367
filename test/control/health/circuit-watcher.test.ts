import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import { circuitStateOf } from '../../../src/control/health/circuit-state.ts';
import { CircuitWatcher } from '../../../src/control/health/circuit-watcher.ts';
import type { PublishedUpstream } from '../../../src/control/releases/publisher.ts';
import { CircuitState, circuitWord, UpstreamTable } from '../../../src/shm/upstream-table.ts';

function published(name: string, index: number, hasCircuit = true): PublishedUpstream {
  return { name, index: index as UpstreamIndex, hasCircuit, hasRetries: false, fallback: undefined };
}

const A = published('a', 0);
const B = published('b', 1);

function rig(upstreams: readonly PublishedUpstream[]) {
  const table = UpstreamTable.create();
  const lines: string[] = [];
  const watcher = new CircuitWatcher(
    table,
    () => upstreams,
    (level, message) => void lines.push(`${level} ${message}`),
  );
  const move = ({ index }: PublishedUpstream, state: CircuitState, timeMs: number) => {
    table.moveCircuit(index, table.circuit(index), circuitWord(state, timeMs));
    if (state === CircuitState.OPEN) table.countOpened(index);
  };
  return { watcher, lines, move };
}

t.test('each opening and closing is told once', async (t) => {
  const { watcher, lines, move } = rig([A, B]);
  watcher.look(1_000);
  t.same(lines, []);
  move(A, CircuitState.OPEN, 6_000);
  watcher.look(1_250);
  watcher.look(1_500);
  t.same(lines.splice(0), ['warn upstream a fails: the circuit has opened, it gets no requests for 5 s']);
  move(A, CircuitState.HALF_OPEN, 9_000);
  watcher.look(6_250);
  t.same(lines, []);
  move(A, CircuitState.CLOSED, 6_300);
  watcher.look(6_500);
  watcher.look(6_750);
  t.same(lines, ['info upstream a: its trials succeeded, the circuit is closed']);
});

t.test('what happened between two looks is told, too', async (t) => {
  const { watcher, lines, move } = rig([A, published('c', 2, false)]);
  move(A, CircuitState.OPEN, 1_100);
  move(A, CircuitState.CLOSED, 1_200);
  watcher.look(1_250);
  t.same(lines.length, 2);
  move(A, CircuitState.OPEN, 2_000);
  watcher.look(1_500);
  move(A, CircuitState.OPEN, 9_000);
  watcher.look(1_750);
  t.equal(lines.length, 4, 'it opened again');
});

t.test('a circuit whose time is over reads half-open, before the next request says so', async (t) => {
  const word = circuitWord(CircuitState.OPEN, 5_000);
  t.equal(circuitStateOf(word, 4_999), CircuitState.OPEN);
  t.equal(circuitStateOf(word, 5_000), CircuitState.HALF_OPEN);
  t.equal(circuitStateOf(word, 5_000 + 2 ** 29 + 1), CircuitState.HALF_OPEN, 'a wrapped clock');
  t.equal(circuitStateOf(circuitWord(CircuitState.HALF_OPEN, 1), 5_000), CircuitState.HALF_OPEN);
  t.equal(circuitStateOf(0, 5_000), CircuitState.CLOSED);
});
