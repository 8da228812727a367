// A port on which no connection comes about: its queue is full, and nobody accepts.

import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';

/**
 * A port where nobody accepts and the queue is full: the system drops further attempts to connect.
 * @returns the port
 */
export async function startFullListener(t: { teardown(end: () => unknown): unknown }): Promise<number> {
  const script = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    process.stdout.write(this.address().port + '\\n', () => process.kill(process.pid, 'SIGSTOP'));
  })`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const port = await new Promise<number>((resolve) => {
    child.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString())));
  });
  // A queue of 1 takes two; the third is never answered.
  for (let n = 0; n < 2; n++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
    });
  }
  return port;
}
