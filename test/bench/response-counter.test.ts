import fc from 'fast-check';
import t from 'tap';
import { ResponseCounter } from '../../bench/support/response-counter.ts';

function response(body: string, more = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
}

t.test('answers are counted however they are cut', async (t) => {
  const bodies = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 40 }), { maxLength: 6 });
  const law = fc.property(bodies, fc.array(fc.nat(400), { maxLength: 12 }), (all, cuts) => {
    const bytes = Buffer.from(all.map((body) => response(body, 'x-request-id: 1\r\n')).join(''));
    const counter = new ResponseCounter();
    const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
    let count = 0;
    for (let piece = 1; piece < places.length; piece++) {
      // Its memory is used again.
      const received = Buffer.from(bytes.subarray(places[piece - 1], places[piece]));
      count += counter.feed(received);
      received.fill(0);
    }
    return count === all.length;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('any other answer than 200 is an error', async (t) => {
  const answer = Buffer.from('HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n');
  t.throws(() => new ResponseCounter().feed(answer), /not 200/);
});

t.test('an answer that does not say its length is an error', async (t) => {
  const answer = Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n');
  t.throws(() => new ResponseCounter().feed(answer), /no Content-Length/);
});

t.test('a head without an end is an error', async (t) => {
  t.throws(() => new ResponseCounter().feed(Buffer.alloc(20_000, 'x')), /no end/);
});
