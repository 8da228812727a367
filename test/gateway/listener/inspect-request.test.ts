// The guard of the Host header, which remembers the last good one; raw-head.test.ts has the others, over sockets.

import t from 'tap';
import { inspectRequest } from '../../../src/gateway/listener/inspect-request.ts';
import { ADMIT, errors } from '../../../src/gateway/pipeline/errors.ts';
import { bareExchange } from '../../support/bare-exchange.ts';

const LIMITS = { headerBytesMax: 16_384, refuseChunked: false, messageBytesMax: 0 };

function inspect(hosts: readonly string[], needsHost = true): { readonly verdict: number; readonly host: string } {
  const headers = hosts.flatMap((host) => ['host', host]);
  const x = bareExchange({ method: 'GET', rawPath: '/', headers });
  const verdict = inspectRequest(x, LIMITS, needsHost);
  return { verdict, host: x.host };
}

t.test('an empty Host is refused, as the first of a process and after requests that had none', async (t) => {
  t.equal(inspect(['']).verdict, errors.BAD_HOST.id);
  t.same(inspect([], false), { verdict: ADMIT, host: '' });
  t.equal(inspect(['']).verdict, errors.BAD_HOST.id);
});

t.test('a host that is remembered is never that of another request', async (t) => {
  t.same(inspect(['Shop.example:8080']), { verdict: ADMIT, host: 'shop.example' });
  t.same(inspect(['Shop.example:8080']), { verdict: ADMIT, host: 'shop.example' });
  t.same(inspect([], false), { verdict: ADMIT, host: '' });
  t.equal(inspect(['user@shop.example']).verdict, errors.BAD_HOST.id);
  t.equal(inspect([]).verdict, errors.BAD_HOST.id);
  t.equal(inspect(['Shop.example:8080', 'Shop.example:8080']).verdict, errors.BAD_HOST.id);
  t.same(inspect(['Shop.example:8080']), { verdict: ADMIT, host: 'shop.example' });
  t.same(inspect(['other.example']), { verdict: ADMIT, host: 'other.example' });
});
