// A process that begins to take over from a gateway, and goes no further than it is told: to be killed there.
//
//   node half-successor.js SOCKET STEP      STEP: welcome, state, go. Prints 'said STEP' when the gateway has said that.

import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Message, MessageLink } from '../../src/control/takeover/message-link.ts';

const NEXT: Readonly<Record<string, string>> = { welcome: 'take', state: 'taking' };

export interface HalfSuccessor {
  /** Resolves to what the gateway said last: the step, or its refusal; undefined when it closed the connection. */
  readonly said: Promise<Message | undefined>;
  readonly closed: Promise<void>;
  send(message: Message): void;
  end(): void;
}

export function goHalfway(socketPath: string, step: string, protocols: readonly number[] = [1]): HalfSuccessor {
  const socket = connect(socketPath);
  let say: (message: Message | undefined) => void = () => {};
  const said = new Promise<Message | undefined>((resolve) => {
    say = resolve;
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const link = new MessageLink(socket, {
    onMessage(message) {
      const next = NEXT[message.type];
      if (message.type === step || next === undefined) say(message);
      else link.send({ type: next });
    },
    onEnd: () => say(undefined),
  });
  link.trust();
  link.send({ type: 'hello', protocols, pid: process.pid, 'from a later version': true });
  return { said, closed, send: (message) => link.send(message), end: () => socket.destroy() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path = '', step = ''] = process.argv;
  const message = await goHalfway(path, step).said;
  process.stdout.write(`said ${message?.type}\n`);
}
