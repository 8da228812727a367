import type { HttpResponse } from 'uWebSockets.js';
import t from 'tap';
import { PeerAddresses } from '../../../src/gateway/listener/uws/peer-addresses.ts';

/** A response of a connection from this address, and how often it was asked. */
function from(address: readonly number[]): { readonly res: HttpResponse; readonly asked: () => number } {
  let asked = 0;
  const res = {
    getRemoteAddress() {
      asked++;
      return Uint8Array.from(address).buffer;
    },
    getRemoteAddressAsText: () =>
      Buffer.from(
        Array.from({ length: 8 }, (_, i) => Buffer.from(address.slice(2 * i, 2 * i + 2)).toString('hex')).join(':'),
      ),
  };
  return { res: res as unknown as HttpResponse, asked: () => asked };
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];

t.test('an address is written in its one form, whatever the listener was bound to', async (t) => {
  const peers = new PeerAddresses();
  t.equal(peers.of(from([192, 0, 2, 1]).res), '192.0.2.1');
  t.equal(peers.of(from([255, 255, 255, 255]).res), '255.255.255.255');
  t.equal(peers.of(from(MAPPED).res), '192.0.2.1');
  t.equal(peers.of(from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).res), '2001:db8::1');
});

t.test('while all connections come from one address, requests are not asked for theirs', async (t) => {
  const peers = new PeerAddresses();
  const first = from([192, 0, 2, 1]);
  peers.opened(first.res);
  peers.opened(from([192, 0, 2, 1]).res);
  const asked = first.asked();
  t.equal(peers.of(first.res), '192.0.2.1');
  t.equal(first.asked(), asked);
});

t.test('with a second address each request is asked, until no connection of that time is left', async (t) => {
  const peers = new PeerAddresses();
  const [one, other] = [from([192, 0, 2, 1]), from([192, 0, 2, 2])];
  peers.opened(one.res);
  peers.opened(other.res);
  t.equal(peers.of(one.res), '192.0.2.1');
  t.equal(peers.of(other.res), '192.0.2.2');
  // Whose connection it was is not told.
  peers.closed();
  t.equal(peers.of(other.res), '192.0.2.2');
  peers.opened(one.res);
  t.equal(peers.of(one.res), '192.0.2.1');
  t.equal(peers.of(other.res), '192.0.2.2');
  peers.closed();
  peers.closed();
  peers.opened(other.res);
  const asked = other.asked();
  t.equal(peers.of(other.res), '192.0.2.2');
  t.equal(other.asked(), asked, 'there is one address again');
});

t.test('more addresses than are remembered are told rightly', async (t) => {
  const peers = new PeerAddresses();
  for (let i = 0; i < 10_000; i++) {
    const address = [10, i >> 16, (i >> 8) & 255, i & 255];
    if (peers.of(from(address).res) !== address.join('.')) t.fail(address.join('.'));
  }
  t.equal(peers.of(from([10, 0, 0, 7]).res), '10.0.0.7');
});
