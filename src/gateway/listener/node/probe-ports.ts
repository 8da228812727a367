// Whether ports are free. node:http servers that share their port among workers (SO_REUSEPORT) would share it with a second
// process, too, which would silently take half of the connections.

import { createServer } from 'node:net';

/** @throws {Error} for the first address that another socket listens on */
export async function probePorts(
  addresses: readonly { readonly host: string; readonly port: number }[],
): Promise<void> {
  for (const { host, port } of addresses) {
    if (port === 0) continue;
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error) => reject(new Error(`${host}:${port} cannot be listened on: ${error.message}`)));
      server.listen({ port, ...(host !== '' && { host }) }, () => server.close(() => resolve()));
    });
  }
}
