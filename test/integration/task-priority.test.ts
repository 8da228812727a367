import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';

const NICENESS = 10;

/** By thread. @source  proc_pid_stat(5): field 19, behind the name in parentheses, which may hold anything */
function nicenessOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19 - 3]);
  });
}

t.test(
  'threads that compile and render stand behind those that serve requests, and only they',
  { skip: process.platform === 'linux' ? false : 'priorities by thread are a matter of Linux' },
  async (t) => {
    // Nothing is sent upstream.
    const gateway = await startGatewayProcess(
      testConfig({ upstream: 'http://127.0.0.1:9', routes: '      plain: { match: "GET /plain" }' }),
    );
    t.teardown(() => gateway.stop());
    const started = nicenessOf(gateway.pid);
    t.equal(started.filter((nice) => nice === NICENESS).length, 1, 'the compiler, until it has been idle for 5 s');
    t.equal((await fetch(`${gateway.admin}/metrics`)).status, 200);
    const rendered = nicenessOf(gateway.pid);
    const behind = rendered.filter((nice) => nice === NICENESS).length;
    t.ok(behind >= 1 && behind <= 2, `${behind} behind: the telemetry's, and the compiler's`);
    // Main thread, gateway workers, and what they share: V8's helpers and libuv's pool, which take over who starts them.
    const ownNiceness = nicenessOf(process.pid)[0];
    t.ok(rendered.filter((nice) => nice === ownNiceness).length >= 3 + 4, `niceness by thread: ${rendered.join(' ')}`);
    t.equal(rendered.filter((nice) => nice !== NICENESS && nice !== ownNiceness).length, 0);
  },
);
