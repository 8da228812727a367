// The address of a connection's peer, in one form for both engines.

// uWebSockets.js writes every group of an IPv6 address in full; a listener on :: gets IPv4 peers mapped.
const MAPPED_FULL = /^0000:0000:0000:0000:0000:ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/;

/** ::ffff:127.0.0.1 and its long form → 127.0.0.1; IPv6 shortened by RFC 5952. */
export function peerAddress(text: string): string {
  if (!text.includes(':')) return text;
  if (text.startsWith('::ffff:') && text.includes('.')) return text.slice(7);
  const mapped = MAPPED_FULL.exec(text);
  if (mapped !== null)
    return mapped
      .slice(1)
      .map((hex) => Number.parseInt(hex, 16))
      .join('.');
  return text.includes('::') ? text : shorten(text);
}

function shorten(text: string): string {
  const groups = text.split(':').map((group) => group.replace(/^0+(?=.)/, ''));
  let longest = { at: -1, length: 1 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === '0') length++;
    if (length > longest.length) longest = { at, length };
  }
  if (longest.at < 0) return groups.join(':');
  return `${groups.slice(0, longest.at).join(':')}::${groups.slice(longest.at + longest.length).join(':')}`;
}
