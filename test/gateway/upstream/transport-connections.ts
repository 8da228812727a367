// The contract's part about connections: which are used again, what comes on one that nobody has asked, and how many.

import type { Test } from 'tap';
import { askAndWait } from './told-answer.ts';
import { serveForever } from './transport-answers.ts';
import type { Connect } from './transport-contract.ts';

export function testConnections(t: Test, connect: Connect): void {
  t.test('answers one after the other use one connection', async (t) => {
    const { transport, upstream } = await connect(t, serveForever);
    for (let i = 0; i < 20; i++) t.equal((await askAndWait(transport)).body, 'fine');
    t.equal(upstream.connections.length, 1);
  });
}
