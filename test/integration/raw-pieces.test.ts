// A request is the same in whatever pieces it comes.

import t from 'tap';
import { get, HOST, post, runCases, shown } from './raw-cases.ts';
import { comparable, engines, KEY, play, type RawGateway, startRawGateway, verdictOf } from './raw-harness.ts';

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway();
});
t.teardown(() => gateway.stop());

const goodGet = get('/split?a=b', `${HOST}X-Odd_Name.1: a b\r\n`);
const keyedPost = post(`X-Api-Key: ${KEY}\r\nContent-Length: 5\r\n`, 'hello', '/keyed/x');
const chunkedPost = post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n5\r\nhello\r\n0\r\n\r\n', '/x');

t.test('a request in two pieces, cut at any byte, is the same request', async (t) => {
  for (const engine of engines) {
    for (const whole of [goodGet, keyedPost]) {
      const reference = await play(gateway, engine, whole);
      t.equal(verdictOf(reference), 'forwarded');
      const wanted = comparable(reference.forwarded[0] as never);
      const differing: number[] = [];
      for (let at = 1; at < whole.length; at++) {
        const outcome = await play(gateway, engine, [whole.slice(0, at), whole.slice(at)], { good: true });
        const [one] = outcome.forwarded;
        const isSame = one !== undefined && JSON.stringify(comparable(one)) === JSON.stringify(wanted);
        if (verdictOf(outcome) !== 'forwarded' || !isSame) differing.push(at);
      }
      t.same(differing, [], `${engine}: ${shown(whole)}`);
    }
  }
});

t.test('a request that comes one byte at a time is the same request', async (t) => {
  await runCases(
    t,
    gateway,
    [goodGet, keyedPost, chunkedPost].map((whole) => ({
      name: shown(whole),
      send: [...whole],
      expect: 'forwarded',
    })),
  );
  await runCases(t, gateway, [
    { name: 'refused', send: [...get('/keyed/x')], expect: '401' },
    {
      name: 'two lengths',
      send: [...post('Content-Length: 1\r\nContent-Length: 1\r\n', '')],
      expect: '400',
      closes: true,
    },
  ]);
});
