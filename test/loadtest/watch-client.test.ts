import { EventEmitter } from 'node:events';
import type { Client } from 'autocannon';
import t from 'tap';
import { type Answer, watchClient } from '../../loadtest/load/watch-client.ts';

const TIMEOUT_MS = 10_000;

/** A connection that emits what a test tells it to, and what was made of it. */
function watched(timeoutMs = TIMEOUT_MS) {
  const client = new EventEmitter();
  const seen: string[] = [];
  const answers: Answer[] = [];
  watchClient(client as Client, timeoutMs, {
    onSent: () => seen.push('sent'),
    onFailure: (reason) => seen.push(reason),
    onUnfinished: () => seen.push('unfinished'),
    onAnswer(answer) {
      seen.push(String(answer.status));
      answers.push(answer);
    },
  });
  return { client, seen, answers };
}

t.test('a request and its answer are one of each', async (t) => {
  const { client, seen, answers } = watched();
  client.emit('request');
  client.emit('headers', { headers: ['Retry-After', '1'] });
  client.emit('response', 429, 100, 1.5, 20);
  client.emit('done');
  t.same(seen, ['sent', '429']);
  t.match(answers, [{ status: 429, headers: ['Retry-After', '1'], intervalMs: 50 }]);
});

t.test('a request whose connection was closed under it has failed, though autocannon does not say so', async (t) => {
  const { client, seen } = watched();
  client.emit('request');
  client.emit('request');
  client.emit('response', 200, 100, 1, undefined);
  t.same(seen, ['sent', 'cut off', 'sent', '200']);
});

t.test('an error ends the request that is under way, and is nothing to a connection that waits', async (t) => {
  const { client, seen } = watched();
  client.emit('request');
  client.emit('connError', Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  client.emit('connError', Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  t.same(seen, ['sent', 'ECONNRESET']);
});

t.test('a late request is counted once, whether another takes its place or not', async (t) => {
  const replaced = watched(0);
  replaced.client.emit('request');
  replaced.client.emit('request');
  t.same(replaced.seen, ['sent', 'timed out', 'sent']);
  const alone = watched(0);
  alone.client.emit('request');
  alone.client.emit('timeout');
  alone.client.emit('done');
  t.same(alone.seen, ['sent', 'timed out']);
  const fresh = watched();
  fresh.client.emit('request');
  fresh.client.emit('timeout');
  t.same(fresh.seen, ['sent'], 'the timeout was that of the request before');
});

t.test('what is under way at the end is unfinished, not failed', async (t) => {
  const { client, seen } = watched();
  client.emit('request');
  client.emit('done');
  t.same(seen, ['sent', 'unfinished']);
});
