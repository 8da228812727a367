// A transport as the judge of answers: each comes to a request of its own, on a connection of its own.

import type { Test } from 'tap';
import type { Transport, TransportOptions } from '../../../../src/gateway/upstream/transports/transport.ts';
import { type RawConnection, RawUpstream } from '../../../support/raw-upstream.ts';
import { transportOptions } from '../../../support/transport-options.ts';
import { ask } from '../told-answer.ts';
import { type FuzzedAnswer, type Judge, piecesOf } from './verdict.ts';

/** Ends with the test. */
export async function transportJudge(t: Test, create: (options: TransportOptions) => Transport): Promise<Judge> {
  let answer: FuzzedAnswer = { bytes: '', isHead: false, cuts: [] };
  let asked: RawConnection | undefined;
  const upstream = await RawUpstream.listen(async (connection) => {
    if ((await connection.take()) === '') return;
    asked = connection;
    await connection.sendInPieces(piecesOf(answer));
    connection.end();
  });
  const transport = create(transportOptions({ origin: upstream.origin }));
  t.teardown(async () => {
    await transport.destroy();
    await upstream.close();
  });
  return async (next) => {
    answer = next;
    const told = ask(transport, { method: next.isHead ? 'HEAD' : 'GET' });
    await told.settled;
    await asked?.closed;
    const { outcome, status, headers, body, faults } = told;
    if (faults.length > 0) throw new Error(faults.join(', '));
    return { outcome: outcome === 'end' ? 'end' : 'failed', status, headers, body };
  };
}
