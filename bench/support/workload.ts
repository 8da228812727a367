// The requests of every benchmark over sockets.

/** What the gateways that authenticate let in. */
export const API_KEY = 'bench-key-0123456789';

export const REQUEST_PATH = '/shop/v1/orders/4711?lang=en';

/** Takes a POST with a large body. */
export const UPLOAD_PATH = '/shop/v1/documents';

/** Eight headers as a browser or an SDK sends them, the key among them; Host comes on top. */
export const REQUEST_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['X-Api-Key', API_KEY],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36'],
  ['Accept', 'application/json, text/plain, */*'],
  ['Accept-Language', 'en-GB,en;q=0.9,de;q=0.8'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'],
  ['X-Trace', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['Referer', 'https://shop.example/orders'],
];

/** As it goes over the wire. */
export function requestBytes(port: number): Buffer {
  const headers = REQUEST_HEADERS.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`GET ${REQUEST_PATH} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers, '\r\n'].join('\r\n'));
}
