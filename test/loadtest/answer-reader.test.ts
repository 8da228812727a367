import fc from 'fast-check';
import t from 'tap';
import { AnswerReader } from '../../loadtest/scenarios/answer-reader.ts';

/** Reads an answer in pieces of so many bytes. */
function read(text: string, pieceBytes = text.length): AnswerReader {
  const reader = new AnswerReader();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.add(bytes.subarray(at, at + pieceBytes));
  return reader;
}

const WHOLE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhällo'.replace('ä', 'a');

t.test('an answer is served with its last byte, however it comes in pieces', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: WHOLE.length }), fc.integer({ min: 1, max: 4 }), (pieceBytes, missing) => {
      const isShort = !read(WHOLE.slice(0, -missing), pieceBytes).isServed(true);
      return isShort && read(WHOLE, pieceBytes).isServed(false);
    }),
  );
});

t.test('an answer without a length is served when it is closed', async (t) => {
  const reader = read('HTTP/1.1 200 OK\r\n\r\nsome');
  t.equal(reader.isServed(false), false);
  t.equal(reader.isServed(true), true);
});

t.test('a refusal, and what is no HTTP, are not served', async (t) => {
  t.equal(read('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n').isServed(true), false);
  t.equal(read('nonsense\r\n\r\n').isServed(true), false);
  t.equal(read('').isServed(true), false);
});
