// What the running gateway (old) and the one that takes over (new) say to each other over the Unix socket in the data folder.
//
//   new                                   old                                        who dies or is silent here
//   ---------------------------------------------------------------------------------------------------------------------
//   hello: protocols, process         ──▶                                            nothing has happened
//                                     ◀── welcome: protocol, seed, listeners         nothing has happened
//   (compiles, starts its workers)                                                   old: new starts as if alone
//   take                              ──▶ (workers ask, none charges)
//                                     ◀── state: sections                            new: old's workers charge again, exactly
//   taking                            ──▶                                            as before. old: new starts as if alone
//                                     ◀── go                                         new: it may have admitted requests: old's
//   (listens)                                                                        keys owe their bursts, and old goes on
//   serving                           ──▶ (stops listening, drains)
//                                     ◀── ask: questions                             old: it has drained, or is dead: the same
//   answer: answers                   ──▶                                            new: old drains on, its keys owe their
//                                     ◀── in-flight: keys, 10 times a second         bursts
//
// `refuse: why` takes the place of each of old's messages. Messages, keys and sections that a side does not know are ignored.
// Quota leases will be a section beside `limits`.

import type { LimitAnswer, LimitQuestion } from '../../gateway/worker-messages.ts';
import type { SharedListener } from '../workers/listener-plan.ts';
import type { LimitState } from './limit-state.ts';
import type { Message } from './message-link.ts';

/** The versions of the protocol that this build speaks. */
export const PROTOCOLS: readonly number[] = [1];

/** From connecting to hello, and from hello to welcome. */
export const GREETING_TIMEOUT_MS = 5_000;
/** From welcome to take: the new process compiles its configuration and starts its workers. */
export const PREPARE_TIMEOUT_MS = 60_000;
/** From take to state. Its workers have 1 s to stop charging. */
export const STATE_TIMEOUT_MS = 10_000;
/** From state to taking, and from taking to go. */
export const CONFIRM_TIMEOUT_MS = 5_000;
/** From go to serving. */
export const SERVING_TIMEOUT_MS = 10_000;

export interface Hello extends Message {
  readonly type: 'hello';
  readonly protocols: readonly number[];
  readonly pid: number;
}

export interface Welcome extends Message {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly pid: number;
  /** Of the hashes of keys. */
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly listeners: readonly SharedListener[];
  readonly adminPort: number;
}

export interface State extends Message {
  readonly type: 'state';
  readonly limits: LimitState;
  /** As ConcurrencyTable.inFlightKeys gives it, as bytes. */
  readonly inFlight?: Uint8Array;
}

export interface InFlight extends Message {
  readonly type: 'in-flight';
  readonly keys: Uint8Array;
}

export interface Refuse extends Message {
  readonly type: 'refuse';
  readonly why: string;
}

export interface Ask extends Message {
  readonly type: 'ask';
  readonly questions: readonly LimitQuestion[];
}

export interface AnswerMessage extends Message {
  readonly type: 'answer';
  readonly answers: readonly LimitAnswer[];
}

export function isHello(message: Message): message is Hello {
  const { type, protocols, pid } = message;
  return type === 'hello' && Array.isArray(protocols) && Number.isInteger(pid);
}

export function isWelcome(message: Message): message is Welcome {
  const { type, protocol, pid, seedLow, seedHigh, listeners, adminPort } = message;
  const numbers = [protocol, pid, seedLow, seedHigh, adminPort];
  return type === 'welcome' && numbers.every(Number.isInteger) && Array.isArray(listeners);
}

export function isState(message: Message): message is State {
  const limits = message.limits as Partial<LimitState> | undefined;
  return (
    message.type === 'state' &&
    typeof limits === 'object' &&
    typeof limits.nowUs === 'number' &&
    Array.isArray(limits.limits) &&
    limits.slots instanceof Uint8Array
  );
}
