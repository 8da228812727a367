import fc from 'fast-check';
import t from 'tap';
import { type ErrorCode, errors } from '../../../src/gateway/pipeline/errors.ts';
import { PROBLEM_TYPE_BASE, problemBody } from '../../../src/gateway/pipeline/problem.ts';

const codes = Object.keys(errors) as ErrorCode[];

t.test('a problem says what the table says, its kind as a URI, and the id of the request', async (t) => {
  t.same(JSON.parse(problemBody('RATE_LIMITED', 'the limit a is used up', 'id-1')), {
    type: 'https://sluice.example/errors/rate-limited',
    title: 'Too many requests',
    status: 429,
    detail: 'the limit a is used up',
    code: 'RATE_LIMITED',
    requestId: 'id-1',
  });
});

t.test('a problem without a detail or a readable request has neither', async (t) => {
  t.same(Object.keys(JSON.parse(problemBody('BAD_REQUEST'))), ['type', 'title', 'status', 'code']);
});

t.test('every problem is JSON with a URI of its own, whatever stands in it', async (t) => {
  t.equal(new Set(codes.map((code) => JSON.parse(problemBody(code)).type)).size, codes.length);
  const law = fc.property(
    fc.constantFrom(...codes),
    fc.string({ unit: 'binary' }),
    fc.string(),
    (code, detail, requestId) => {
      const body = problemBody(code, detail, requestId);
      const problem = JSON.parse(body) as Record<string, unknown>;
      const isRead = problem['detail'] === (detail || undefined) && problem['requestId'] === (requestId || undefined);
      const { status, title } = errors[code];
      // No line of it can be taken for another header or event.
      return isRead && problem['status'] === status && problem['title'] === title && !/[\r\n]/.test(body);
    },
  );
  t.doesNotThrow(() => fc.assert(law));
});

t.test('the kind of a problem is a URL that names its code in small letters', async (t) => {
  for (const code of codes) {
    const { type } = JSON.parse(problemBody(code)) as { type: string };
    t.ok(URL.canParse(type) && type.startsWith(PROBLEM_TYPE_BASE), code);
    t.match(type.slice(PROBLEM_TYPE_BASE.length), /^[a-z]+(-[a-z]+)*$/, code);
  }
});
