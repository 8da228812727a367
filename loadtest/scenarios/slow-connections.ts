// Clients that take their time: some send their head slowly, some their body, some read slowly. Each comes to an end by
// itself; how it ends is what is looked at.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AnswerReader } from './answer-reader.ts';

export type SlowKind = 'head' | 'body' | 'reader';

/**
 * served: a whole answer below 400; left: a reader that was still given bytes when it had enough; cut: refused or closed by the
 * other side; open: none of these when time was up.
 */
export type SlowEnd = 'served' | 'left' | 'cut' | 'open';

export interface SlowOptions {
  readonly kind: SlowKind;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How long it takes its time. */
  readonly slowMs: number;
  /** After which it is given up. */
  readonly endMs: number;
}

export interface SlowConnection {
  readonly ended: Promise<SlowEnd>;
  /** Closes it now. */
  giveUp(): void;
}

// Each of the pieces is less than a segment, and more seldom than any buffer's patience.
const PIECE_COUNT = 20;
const BODY_BYTES = 2_000;

/** Opens a connection and goes through with it. */
export function startSlowConnection(options: SlowOptions): SlowConnection {
  const socket = open(new URL(options.url));
  const answer = new AnswerReader();
  const timers: NodeJS.Timeout[] = [];
  const stepMs = options.slowMs / PIECE_COUNT;
  let settle: (how: SlowEnd) => void = () => {};
  const ended = new Promise<SlowEnd>((resolve) => {
    settle = resolve;
  });
  const end = (how: SlowEnd): void => {
    for (const timer of timers) clearTimeout(timer);
    socket.destroy();
    settle(how);
  };
  const giveUp = (): void => end('open');
  timers.push(setTimeout(giveUp, options.endMs));
  // Without a listener an error would end the process; its close follows.
  socket.on('error', () => {});
  socket.on('close', () => end(answer.isServed(true) ? 'served' : 'cut'));
  socket.on('data', (chunk: Buffer) => {
    answer.add(chunk);
    if (answer.isServed(false)) end('served');
  });
  if (options.kind === 'reader') {
    socket.write(requestText(options));
    timers.push(readInPieces(socket, options.slowMs, stepMs, () => end('left')));
  } else {
    timers.push(sendInPieces(socket, options, stepMs));
  }
  return { ended, giveUp };
}

/**
 * Takes a chunk a step. When its time is over it leaves with the next bytes that come; without any, it goes on waiting.
 * @param onEnough  called when it leaves
 */
function readInPieces(socket: Socket, slowMs: number, stepMs: number, onEnough: () => void): NodeJS.Timeout {
  const leaveAtMs = performance.now() + slowMs;
  socket.on('data', () => {
    socket.pause();
    if (performance.now() >= leaveAtMs) onEnough();
  });
  return setInterval(() => socket.resume(), stepMs);
}

function open(url: URL): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // As autocannon does: what is tried here is not the certificate.
  if (url.protocol === 'https:') return connectTls({ host, port: Number(url.port || 443), rejectUnauthorized: false });
  return connectTcp({ host, port: Number(url.port || 80) });
}

/** What is slow goes out in PIECE_COUNT pieces, what is not before it. */
function sendInPieces(socket: Socket, options: SlowOptions, stepMs: number): NodeJS.Timeout {
  const text = requestText(options);
  const atOnce = options.kind === 'head' ? 1 : text.length - BODY_BYTES;
  socket.write(text.slice(0, atOnce));
  const rest = text.slice(atOnce);
  const pieceChars = Math.ceil(rest.length / PIECE_COUNT);
  let sentChars = 0;
  const timer = setInterval(() => {
    socket.write(rest.slice(sentChars, sentChars + pieceChars));
    sentChars += pieceChars;
    if (sentChars >= rest.length) clearInterval(timer);
  }, stepMs);
  return timer;
}

function requestText({ kind, url, headers }: SlowOptions): string {
  const { host, pathname, search } = new URL(url);
  const body = kind === 'body' ? 'x'.repeat(BODY_BYTES) : '';
  const lines = [
    `${kind === 'body' ? 'POST' : 'GET'} ${pathname}${search} HTTP/1.1`,
    `host: ${host}`,
    'connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(kind === 'body' ? [`content-length: ${BODY_BYTES}`] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
