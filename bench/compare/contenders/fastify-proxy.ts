// A program: @fastify/http-proxy on undici's kept connections, as its documentation sets it up. One process, whatever
// --workers says.
//
//   node dist/bench/compare/contenders/fastify-proxy.js UPSTREAM_PORT        prints 'port N'

import httpProxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify({ logger: false });
// As many connections as the load has, so that none waits for another.
await app.register(httpProxy, {
  upstream: `http://127.0.0.1:${process.argv[2]}`,
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: 60_000 },
});
const address = await app.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`port ${new URL(address).port}\n`);
