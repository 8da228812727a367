// An upstream for WebSockets whose behaviour each test sets by path.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface SocketUpstream {
  readonly url: string;
  readonly port: number;
  /** The requests of all handshakes, in order. */
  readonly seen: readonly IncomingMessage[];
  /** Grant handshakes for this path (without the query). @param protocol  the subprotocol to choose, of those offered */
  on(path: string, handler: (ws: WebSocket, req: IncomingMessage) => void, protocol?: string): void;
  /** Answer them otherwise. */
  refuse(path: string, handler: (socket: Socket, req: IncomingMessage) => void): void;
}

export async function startSocketUpstream(t: { teardown(end: () => Promise<void>): unknown }): Promise<SocketUpstream> {
  const granted = new Map<string, { handler: (ws: WebSocket, req: IncomingMessage) => void; protocol: string }>();
  const refused = new Map<string, (socket: Socket, req: IncomingMessage) => void>();
  const seen: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const sessions = new WebSocketServer({
    noServer: true,
    perMessageDeflate: true,
    maxPayload: 0,
    handleProtocols: (_offered, req) => granted.get(pathOf(req))?.protocol || false,
  });
  const server = createServer((_req, res) => res.end('plain'));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(req);
    socket.on('error', () => {});
    const refusal = refused.get(pathOf(req));
    if (refusal !== undefined) return refusal(socket, req);
    sessions.handleUpgrade(req, socket, head, (ws) => {
      // Tests decide about ends.
      ws.on('error', () => {});
      granted.get(pathOf(req))?.handler(ws, req);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    on: (path, handler, protocol = '') => void granted.set(path, { handler, protocol }),
    refuse: (path, handler) => void refused.set(path, handler),
  };
}

function pathOf(req: IncomingMessage): string {
  return String(req.url).split('?')[0] as string;
}

/** Says what it hears. */
export function echoMessages(ws: WebSocket): void {
  ws.on('message', (message, isBinary) => ws.send(message, { binary: isBinary }));
}

/** What grants a handshake with this key (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}
