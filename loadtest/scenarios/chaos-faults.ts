// What the scenario chaos does to one target at a time, in this order.
//
// The upstreams are processes, and are really killed and stopped. The gateway reaches each through a fault proxy inside the load
// test, which sees every request that is sent to a target, dead or not, and does what a process cannot be made to do. Only of a
// refused connect nobody hears: after a SIGKILL connects are refused for REFUSED_MS as by the system, and from then on accepted,
// noted and reset when a request comes.

import type { OwnUpstream } from '../target/own-upstream.ts';

export interface ChaosFault {
  readonly name: string;
  /** It answers nothing: new requests are to avoid it. */
  readonly isDeath: boolean;
  /** For so long, what is sent to it is not seen. */
  readonly blindMs: number;
  begin(upstream: OwnUpstream, wait: (ms: number) => Promise<void>): Promise<void>;
  end(upstream: OwnUpstream): Promise<void>;
}

const REFUSED_MS = 200;
// Fifteen times what a request takes, and less than the health check waits for.
const SLOW_MS = 300;
// Within the status line: nothing of the answer has reached the client, and another target may still give one.
const RESET_AFTER_BYTES = 12;
const GARBAGE = `\u0000\u00ff SSH-2.0-none\r\n${'\u0007garbage'.repeat(20)}\r\n\r\n`;

const pass = (upstream: OwnUpstream): Promise<void> => upstream.proxy.set({ kind: 'pass' });

export const chaosFaults: readonly ChaosFault[] = [
  {
    name: 'killed',
    isDeath: true,
    blindMs: REFUSED_MS,
    async begin(upstream, wait) {
      await upstream.kill();
      await upstream.proxy.set({ kind: 'refuse' });
      await wait(REFUSED_MS);
      await upstream.proxy.set({ kind: 'hang-up', at: 'request', how: 'reset' });
    },
    async end(upstream) {
      await upstream.restart();
      await pass(upstream);
    },
  },
  {
    name: 'stopped',
    isDeath: true,
    blindMs: 0,
    begin: async (upstream) => upstream.freeze(true),
    end: async (upstream) => upstream.freeze(false),
  },
  {
    name: 'slowed',
    isDeath: false,
    blindMs: 0,
    begin: (upstream) => upstream.proxy.set({ kind: 'delay', ms: SLOW_MS }),
    end: pass,
  },
  {
    name: 'resetting',
    isDeath: false,
    blindMs: 0,
    begin: (upstream) => upstream.proxy.set({ kind: 'cut', afterBytes: RESET_AFTER_BYTES, how: 'reset' }),
    end: pass,
  },
  {
    name: 'garbage',
    isDeath: false,
    blindMs: 0,
    begin: (upstream) => upstream.proxy.set({ kind: 'answer', bytes: GARBAGE }),
    end: pass,
  },
];
