import type { Socket } from 'node:net';

/**
 * End a connection with a TCP reset. One that is ending already is closed in the ordinary way: libuv refuses to reset a handle
 * that shuts down, Node 20 takes it for closed all the same, and the process spins for ever when it exits.
 */
export function resetConnection(socket: Socket): void {
  if (socket.writableEnded || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}
