import { STATUS_CODES } from 'node:http';
import t from 'tap';
import { ADMIT, type ErrorSpec, errorCodes, errors, WAIT } from '../../../src/gateway/pipeline/errors.ts';
import { RERUN } from '../../../src/gateway/pipeline/parking.ts';
import { seriesTableLayout } from '../../../src/shm/series-table.ts';

const specs: readonly (readonly [string, ErrorSpec])[] = Object.entries(errors);

t.test('a status says who caused the error: 4xx the client, 5xx the gateway or the upstream', async (t) => {
  for (const [code, { status, source }] of specs) {
    t.ok(STATUS_CODES[status] !== undefined, code);
    // 501 is the client's too: it asked for a method that does not exist.
    if (status !== 501) t.equal(source === 'client', status < 500, code);
  }
});

t.test('what may succeed later without a change says so, and nothing else does', async (t) => {
  const RETRYABLE_STATUSES = [408, 429, 500, 502, 503, 504];
  for (const [code, { status, retryable }] of specs) t.equal(retryable, RETRYABLE_STATUSES.includes(status), code);
});

t.test('no id is a verdict that means something else', async (t) => {
  for (const [code, { id }] of specs) t.notOk(([ADMIT, WAIT, RERUN] as number[]).includes(id), code);
});

t.test('every id has its word among the rejections in shared memory', async (t) => {
  t.ok(errorCodes.length <= seriesTableLayout.rejectionsBytes / 4);
});

t.test('titles are sentences of their own without a full stop', async (t) => {
  t.equal(new Set(specs.map(([, { title }]) => title)).size, specs.length);
  for (const [code, { title }] of specs) t.match(title, /^[A-Z].*[^.]$/, code);
});
