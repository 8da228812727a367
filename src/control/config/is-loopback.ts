import { isIP } from 'node:net';

/** @param host  that something listens on; '' for every address @returns whether nobody reaches it from another machine */
export function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'));
}
