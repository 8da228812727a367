// Which requests node:http lets go of. With a listener for 'upgrade' it hands every connection over whose request has an
// Upgrade header, h2c included, with a body or not; only a handshake for a WebSocket is to leave it.

import { IncomingMessage } from 'node:http';
import { asksForWebSocket } from '../../websocket/inspect-handshake.ts';

export class UpgradableMessage extends IncomingMessage {
  // No field of its own: node:http sets `upgrade` before those of a subclass are there.
  declare wantsUpgrade: boolean;

  /** Set by node:http from what the parser says, and asked once the head is read. */
  get upgrade(): boolean {
    if (!this.wantsUpgrade || this.method === 'CONNECT') return this.wantsUpgrade;
    const { headers } = this;
    const hasBody = 'content-length' in headers || 'transfer-encoding' in headers;
    return this.method === 'GET' && this.httpVersion === '1.1' && !hasBody && asksForWebSocket(headers.upgrade ?? '');
  }

  set upgrade(upgrade: boolean | null) {
    this.wantsUpgrade = upgrade === true;
  }
}
