// What listens on the main thread: one uWebSockets.js app per address that hands each connection to a worker in turn.
// With no worker registered its own handler answers 503, so that a client never meets silence.

import { problemBody } from '../../pipeline/problem.ts';
import type { TlsPlan } from '../../worker-messages.ts';
import { loadUws, type UwsApp, type UwsAppDescriptor } from '../load-uws.ts';
import { createTlsApp } from './tls-app.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

type ListenOptions = ReturnType<typeof loadUws>['LIBUS_LISTEN_EXCLUSIVE_PORT'];
type ListenSocket = Parameters<ReturnType<typeof loadUws>['us_listen_socket_close']>[0];

// uWebSockets.js sets SO_REUSEPORT unless it is told otherwise.
const SHARED_PORT = 0;
const NOT_READY_BODY = problemBody('NOT_READY');

export class Acceptor {
  readonly #app: UwsApp;
  readonly #sockets: ListenSocket[] = [];

  /**
   * @param tls  of its children too, which must be of its kind; its own certificates stay those of the start
   * @throws {Error} when the addon refuses it
   */
  constructor(tls: TlsPlan | undefined) {
    if (tls === undefined) {
      this.#app = loadUws().App();
      answerNotReady(this.#app);
    } else {
      // For its one answer the default's will do.
      const certificates = tls.certificates.slice(0, 1);
      this.#app = createTlsApp({ ...tls, certificates }, answerNotReady).app;
    }
  }

  /**
   * @param sharesPort  another process may listen beside this one (SO_REUSEPORT), to take over. Else the port is
   *     exclusive, so that none silently takes half of the connections.
   * @returns the port, or undefined when the address cannot be had
   */
  listen(address: Address, sharesPort: boolean): number | undefined {
    const exclusive = loadUws().LIBUS_LISTEN_EXCLUSIVE_PORT;
    if (!sharesPort) return this.#listen(address, exclusive);
    if (address.port !== 0) return this.#listen(address, SHARED_PORT);
    // A port that the system is to choose is never shared by uWebSockets.js: it is found out first.
    const port = this.#listen(address, exclusive);
    this.stopListening();
    return port === undefined ? undefined : this.#listen({ ...address, port }, SHARED_PORT);
  }

  #listen(address: Address, options: ListenOptions): number | undefined {
    const uws = loadUws();
    let port: number | undefined;
    const onListening = (socket: ListenSocket | false): void => {
      if (socket === false) return;
      this.#sockets.push(socket);
      port = uws.us_socket_local_port(socket);
    };
    // The package's types leave out the form with both a host and options.
    const listen = this.#app.listen.bind(this.#app) as unknown as (
      host: string,
      port: number,
      options: ListenOptions,
      callback: (socket: ListenSocket | false) => void,
    ) => void;
    // Every address: :: takes IPv4 too; a system without IPv6 has 0.0.0.0 only.
    for (const host of address.host === '' ? ['::', '0.0.0.0'] : [address.host]) {
      if (port === undefined) listen(host, address.port, options, onListening);
    }
    return port;
  }

  add(worker: UwsAppDescriptor): void {
    this.#app.addChildAppDescriptor(worker);
  }

  /** Must be done before the worker's app is closed. */
  remove(worker: UwsAppDescriptor): void {
    this.#app.removeChildAppDescriptor(worker);
  }

  /** Stop accepting; connections that were handed out are the workers'. */
  stopListening(): void {
    for (const socket of this.#sockets.splice(0)) loadUws().us_listen_socket_close(socket);
  }

  close(): void {
    this.stopListening();
    this.#app.close();
  }
}

function answerNotReady(app: UwsApp): void {
  app.any('/*', (res) => {
    res.writeStatus('503 Service Unavailable');
    res.writeHeader('content-type', 'application/problem+json');
    res.writeHeader('retry-after', '1');
    res.end(NOT_READY_BODY, true);
  });
}
