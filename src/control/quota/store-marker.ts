// The marker that vouches for what is stored: which run of which server has had it, and since when. A server that starts again
// may have lost the last second, a replica that takes over some more, and FLUSHALL everything; none of it shows in a record
// that is missing or old. So every script compares the marker with the server that its connection talks to, before anything
// else, and makes a new one when it is missing or another server's. What is older than the marker counts for nothing.

/** Made by whoever finds none, or another server's. */
export interface StoreMarker {
  readonly serverId: string;
  /** µs of the store's clock. */
  readonly bornUs: number;
}

/** The marker in force: the stored one, or a new one when it is missing, of another server, or from the future. */
export function markerAt(stored: StoreMarker | undefined, serverId: string, nowUs: number): StoreMarker {
  if (stored !== undefined && stored.serverId === serverId && stored.bornUs <= nowUs) return stored;
  return { serverId, bornUs: nowUs };
}

/** The same in a script: KEYS[2] is the marker, ARGV[1] the server; needs `now`, leaves `born`, both in µs. */
export const MARKER_LUA = `
local born
local marker = redis.call('GET', KEYS[2])
if marker then
  local server, text = string.match(marker, '^(.*):(%d+)$')
  if server == ARGV[1] and tonumber(text) <= now then born = tonumber(text) end
end
if not born then
  born = now
  redis.call('SET', KEYS[2], ARGV[1] .. ':' .. string.format('%.0f', born))
end
`;

/** Redis's clock: leaves `now`. */
export const CLOCK_LUA = `local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`;
