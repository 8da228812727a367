// The contract's part about answers: every script is told alike, however the network cuts it. Whole answers are told
// whole; what is no HTTP/1.1 is invalid, after its head or without one.

import type { Test } from 'tap';
import type { RawConnection } from '../../support/raw-upstream.ts';
import { type AnswerScript, waysToSplit } from './scripts/answer-script.ts';
import { brokenBodies } from './scripts/broken-bodies.ts';
import { largeAnswers } from './scripts/large-answers.ts';
import { refusedHeads } from './scripts/refused-heads.ts';
import { takenBodies } from './scripts/taken-bodies.ts';
import { takenHeads } from './scripts/taken-heads.ts';
import { ask, type ToldAnswer } from './told-answer.ts';
import type { Connect, TransportKind } from './transport-contract.ts';

// Ways that are under way together: the more there are, the more share the turns of the loop between two pieces.
const LANE_COUNT = 16;

export const answerScripts: readonly AnswerScript[] = [
  ...takenHeads,
  ...takenBodies,
  ...refusedHeads,
  ...brokenBodies,
  ...largeAnswers,
];

interface WayTold {
  readonly pieces: readonly string[];
  readonly told: ToldAnswer;
}

export function testAnswers(t: Test, connect: Connect, { deviations = new Map() }: TransportKind): void {
  for (const script of answerScripts) {
    const { name, told } = script;
    const deviation = deviations.get(name);
    const verb = told.outcome === 'end' ? 'is the same' : 'is invalid';
    const verdict = deviation === undefined ? verb : `has the outcome '${deviation.outcome}' (${deviation.reason})`;
    t.test(`an answer ${name} ${verdict} wherever it is split`, async (t) => {
      // Who takes what should be refused may wait for more, and would use the connection again.
      const ends = script.ends === true || deviation !== undefined;
      const laneCount = deviation === undefined ? LANE_COUNT : 1;
      const { all, connectionCount } = await askEveryWay(t, connect, { ...script, ends }, laneCount);
      t.equal(all.length, waysToSplit(script.bytes).length);
      // After what was refused or ended its connection, the next request has one of its own.
      if (ends || told.outcome === 'invalid') t.ok(connectionCount >= all.length);
      else t.ok(connectionCount <= all.length);
      const isExpected = deviation === undefined ? isToldAs(script) : hasOutcome(deviation.outcome);
      const other = all.find(({ told }) => !isExpected(told));
      if (other !== undefined) t.fail('told something else', whatWasTold(other));
    });
  }
}

/** Ask once for each way to split the script. @param laneCount  so many at a time; 1: each on a connection of its own */
async function askEveryWay(
  t: Test,
  connect: Connect,
  script: AnswerScript,
  laneCount: number,
): Promise<{ readonly all: readonly WayTold[]; readonly connectionCount: number }> {
  const ways = waysToSplit(script.bytes);
  const { transport, upstream } = await connect(t, (connection) => serveByPath(connection, script, ways), {
    connectionsMax: laneCount,
  });
  const all: WayTold[] = [];
  let next = 0;
  const askInTurn = async (): Promise<void> => {
    while (next < ways.length) {
      const way = next++;
      const told = ask(transport, { method: script.method ?? 'GET', path: `/${way}` });
      await told.settled;
      all.push({ pieces: ways[way] ?? [], told });
      if (laneCount === 1) await upstream.connections.at(-1)?.closed;
    }
  };
  await Promise.all(Array.from({ length: laneCount }, askInTurn));
  return { all, connectionCount: upstream.connections.length };
}

/** The path says which way. */
async function serveByPath(
  connection: RawConnection,
  { ends }: AnswerScript,
  ways: readonly (readonly string[])[],
): Promise<void> {
  for (;;) {
    const head = await connection.take();
    if (head === '') return;
    const way = Number(/^\S+ \/(\d+)/.exec(head)?.[1]);
    await connection.sendInPieces(ways[way] ?? []);
    if (ends === true) return connection.end();
  }
}

function isToldAs({ told: expected }: AnswerScript): (told: ToldAnswer) => boolean {
  return ({ outcome, status, headers, body, faults }) => {
    if (outcome !== expected.outcome || status !== expected.status || faults.length > 0) return false;
    // How much of a body was told before it went wrong depends on how it came.
    if (outcome === 'invalid') return expected.body.startsWith(body);
    return headers.join('\n') === expected.headers.join('\n') && body === expected.body;
  };
}

function hasOutcome(outcome: string): (told: ToldAnswer) => boolean {
  return (told) => told.outcome === outcome && told.faults.length === 0;
}

function whatWasTold({ pieces, told }: WayTold): Record<string, unknown> {
  const { outcome, status, headers, body, faults } = told;
  return { pieces, outcome, status, headers, body, faults };
}

/** Answers every request with `fine`. */
export async function serveForever(connection: RawConnection): Promise<void> {
  while ((await connection.take()) !== '') connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
}
