// A program: uWebSockets.js answering an 860-byte JSON body at once, so that it is never what is measured. It is the upstream
// of every gateway here, and, on the gateway's core, the yardstick for the machine's speed: HTTP with nothing behind it.
//
//   node dist/bench/support/upstream.js        prints 'port N'

import type { HttpResponse } from 'uWebSockets.js';
import { loadUws } from '../../src/gateway/listener/load-uws.ts';

const BODY_BYTES = 860;
const body = JSON.stringify({ id: 7, text: 'x'.repeat(BODY_BYTES - JSON.stringify({ id: 7, text: '' }).length) });

const uws = loadUws();
const app = uws.App();
app.any('/*', answer);
// A body is read to its end, and thrown away.
app.post('/*', (res) => {
  res.onData((_, isLast) => {
    if (isLast) res.cork(() => answer(res));
  });
  res.onAborted(() => {});
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('the upstream cannot listen');
  process.stdout.write(`port ${uws.us_socket_local_port(socket)}\n`);
});

function answer(res: HttpResponse): void {
  res.writeHeader('content-type', 'application/json');
  res.writeHeader('cache-control', 'max-age=0');
  res.end(body);
}
