// `npm start`: the demo upstream and the gateway, each a process of its own, and what to try next.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const port = process.env['SLUICE_PORT'] ?? '8080';
const adminPort = process.env['SLUICE_ADMIN_PORT'] ?? '9080';
// Compiled to dist/examples/quickstart; the configuration stays where it can be edited.
const config = fileURLToPath(new URL('../../../examples/quickstart/sluice.yaml', import.meta.url));

const NEXT = `
Sluice runs. Try, in another terminal:

  curl -i http://127.0.0.1:${port}/shop/v1/orders/7
  curl -i -X POST -H 'X-Api-Key: alice-demo-key' -d '{"item":"a sluice"}' http://127.0.0.1:${port}/shop/v1/orders
  curl -N http://127.0.0.1:${port}/shop/v1/events
  for i in $(seq 12); do curl -s -o /dev/null -w '%{http_code} ' http://127.0.0.1:${port}/shop/v1/orders/7; done; echo

Metrics:        http://127.0.0.1:${adminPort}/metrics
Admin API:      http://127.0.0.1:${adminPort}/api/v1/openapi.json
                (asks for the token that the first start prints: sluice whoami)
Health:         http://127.0.0.1:${adminPort}/readyz
Configuration:  ${config}
                (edit and save it: it is reloaded, or refused with every problem)
Stop:           Ctrl-C
`;

const children: ChildProcess[] = [];
let exitCode = 0;

function start(script: string, args: readonly string[] = []): ChildProcess {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  child.stdout?.on('data', (text: Buffer) => process.stdout.write(text));
  child.once('exit', (code) => {
    // One without the other is no quickstart.
    exitCode ||= code ?? 1;
    stopAll();
  });
  return child;
}

function stopAll(): void {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stopAll);
process.on('exit', () => {
  process.exitCode = exitCode;
});

start('./upstream.js');
const gateway = start('../../src/cli/sluice.js', ['run', '-c', config]);
let printed = '';
gateway.stdout?.on('data', function onText(text: Buffer) {
  printed += text.toString();
  if (!printed.includes('admin on ')) return;
  gateway.stdout?.off('data', onText);
  process.stdout.write(NEXT);
});
