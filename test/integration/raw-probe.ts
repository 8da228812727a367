import { startRawGateway, play, verdictOf, engines, type PlayOptions } from './raw-harness.ts';
const g = await startRawGateway();
const H = 'Host: a.example\r\n';
const get = (line: string, headers = H) => `${line}\r\n${headers}\r\n`;
const S = 'GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n';
const post = (headers: string, body = '') => `POST /p HTTP/1.1\r\n${H}${headers}\r\n${body}`;
const chunk = '5\r\nhello\r\n0\r\n\r\n';

const KEYED = 'X-Api-Key: raw-tests-key\r\n';
const big = (n: number) => 'a'.repeat(n);
const manyHeaders = (n: number) => Array.from({ length: n }, (_, i) => `h${i}: v\r\n`).join('');
const cases: [string, string, PlayOptions?][] = [
  ['cl twice same', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello' + S)],
  ['cl twice same alone', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['te gzip,chunked', post('Transfer-Encoding: gzip, chunked\r\n', chunk + S)],
  ...['GET  /x HTTP/1.1', 'GET /x  HTTP/1.1', 'GET\t/x HTTP/1.1', 'GET /x\tHTTP/1.1', ' GET /x HTTP/1.1', 'GET /x HTTP/1.1 ', '\r\nGET /x HTTP/1.1', '\r\n\r\n\r\nGET /x HTTP/1.1', '\nGET /x HTTP/1.1', 'GET x HTTP/1.1', 'GET /x HTTP/1.0', 'GET /x HTTP/0.9', 'GET /x HTTP/1.2', 'GET /x HTTP/2.0', 'GET /x HTTP/9', 'GET /x HTTP/9.9', 'GET /x HTTP/1.', 'GET /x HTTP/1.11', 'GET /x HTTP/01.1', 'GET /x http/1.1', 'GET /x HTTP/1,1', 'GET /x', 'GET /x ', 'GET', 'get /x HTTP/1.1', 'Get /x HTTP/1.1', 'FOO /x HTTP/1.1', 'TRACE /x HTTP/1.1', 'CONNECT /x HTTP/1.1', 'CONNECT a.example:443 HTTP/1.1', 'GET a.example:443 HTTP/1.1', 'GET http://a.example/x HTTP/1.1', 'GET http://a.example HTTP/1.1', 'GET http://a.example?q=1 HTTP/1.1', 'GET http://b.example/x HTTP/1.1', 'GET https://a.example/x HTTP/1.1', 'GET HTTP://A.example/x HTTP/1.1', 'GET http://u@a.example/x HTTP/1.1', 'GET ftp://a.example/x HTTP/1.1', 'GET //b.example/x HTTP/1.1', 'GET * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'PRI * HTTP/2.0', 'M-SEARCH /x HTTP/1.1', 'SOURCE /x ICE/1.0', 'PROPFIND /x HTTP/1.1', 'QUERY /x HTTP/1.1','PURGE /x HTTP/1.1','LINK /x HTTP/1.1', 'GET\x00 /x HTTP/1.1', 'G(T /x HTTP/1.1', 'GET /x HTTP/1.1\rX'].map((l): [string, string] => [`line ${JSON.stringify(l)}`, get(l)]),
  ...['/a#b', '/a\\b', '/a\x01b', '/a\x7fb', '/a\x00b', '/\xe9', '/\xc3\xa9', '/%00', '/%zz', '/%', '/%4', '/%1f', '/%7f', '/%0d%0a', '//', '//keyed/x', '/./keyed/x', '/x/../keyed/x', '/%2e%2e/keyed', '/x/%2e%2e/keyed/x', '/..', '/x/../..', '/%6beyed/x', '/keyed;/x', '/keyed;a=b/x', '/loose/a;b', '/loose/a%2fb', '/loose/a%5cb', '/loose/..;/x', '/loose/..%2fx', '/x%2f..%2fkeyed', '/x%5c..%5ckeyed', '/x;y', '/x%2fy', '/x%5cy', '/x%3by', '/..;/keyed/x', '/x/..;/keyed/x', '/%252e%252e/x', '/a//b/./c/../d', '/?', '/x?', '/x?a=b', '/x?a=b#c', '/x?\\', '/x?%00', '/x?%zz', '/x?a=%', '/x?\x01', '/x?\xe9', '/x?a b', '/x??b?c', '/x?a=[]{}|^"<>`', '/x"<>^`{|}', '?', '?a', '/x?a=//../..', '/x;?a', '/keyed', '/keyed/', '/keyed/x', '/KEYED/x', '/keyed%2fx', '/\ufffd'].map((p): [string, string] => [`target ${JSON.stringify(p)}`, get(`GET ${p} HTTP/1.1`)]),
  ['uri 8192', get(`GET /${big(8191)} HTTP/1.1`)], ['uri 8193', get(`GET /${big(8192)} HTTP/1.1`)], ['uri 8193 query', get(`GET /x?${big(8190)} HTTP/1.1`)], ['uri 40k', get(`GET /${big(40000)} HTTP/1.1`)], ['uri 20k', get(`GET /${big(20000)} HTTP/1.1`)],
  ['hdr 90', get('GET /x HTTP/1.1', H + manyHeaders(89))], ['hdr 91', get('GET /x HTTP/1.1', H + manyHeaders(90))], ['hdr 97', get('GET /x HTTP/1.1', H + manyHeaders(96))],['hdr 98', get('GET /x HTTP/1.1', H + manyHeaders(97))],['hdr 99', get('GET /x HTTP/1.1', H + manyHeaders(98))], ['hdr 500', get('GET /x HTTP/1.1', H + manyHeaders(500))], ['hdr 3000', get('GET /x HTTP/1.1', H + 'a:\r\n'.repeat(3000))],
  ['hdr 16K', get('GET /x HTTP/1.1', H + `a: ${big(16384 - 17 - 4 -1)}\r\n`)], ['hdr 16K-', get('GET /x HTTP/1.1', H + `a: ${big(16384 - 15 - 4-2)}\r\n`)], ['hdr 16K+', get('GET /x HTTP/1.1', H + `a: ${big(16384)}\r\n`)], ['hdr 30K', get('GET /x HTTP/1.1', H + `a: ${big(30000)}\r\n`)], ['hdr 100K', get('GET /x HTTP/1.1', H + `a: ${big(100000)}\r\n`)],
  ...['', 'Host: \r\n', 'Host:\r\n', 'Host: a\r\nHost: a\r\n', 'Host: a\r\nHost: b\r\n', 'Host: u@a\r\n', 'Host: a/x\r\n', 'Host: a b\r\n', 'Host: [::1]\r\n', 'Host: [::1]:80\r\n', 'Host: ::1\r\n', 'Host: a:80\r\n', 'Host: a:\r\n', 'Host: a:80:80\r\n', 'Host: a:x\r\n', 'Host: a:999999\r\n', 'Host: a,b\r\n', 'Host: a?b\r\n', 'Host: a#b\r\n', 'Host: a%41\r\n', 'Host: A.EXAMPLE\r\n', 'Host: a.\r\n', 'Host: \xe9\r\n', 'Host: [::1\r\n', 'Host:\ta\r\n', 'Host: a \r\n', 'Host: a\r\n b\r\n', 'Host : a\r\n', ' Host: a\r\n'].map((h): [string, string] => [`host ${JSON.stringify(h)}`, get('GET /x HTTP/1.1', h)]),
  ...['X: a\r\n b\r\n', 'X: a\r\n\tb\r\n', 'X : a\r\n', 'X\t: a\r\n', 'X y: a\r\n', 'X', 'X\r\n', ': x\r\n', ': x\r\nContent-Length: 5\r\n', ':\r\n', "!#$%&'*+-.^_`|~9: a\r\n", 'a_b.c: x\r\n', 'X(: a\r\n', 'X/: a\r\n', 'X@: a\r\n', 'X[: a\r\n', '"X": a\r\n', 'X{: a\r\n', 'X=: a\r\n', 'X;: a\r\n', 'X\x00: a\r\n', 'X\x7f: a\r\n', 'X\xe9: a\r\n', 'X\x01: a\r\n', 'X: a\x00b\r\n', 'X: a\x01b\r\n', 'X: a\x1fb\r\n', 'X: a\x7fb\r\n', 'X: a\rb\r\n', 'X: a\nb\r\n', 'X: a\nY: b\r\n', 'X: a\n', 'X: a\tb\r\n', 'X: \xe9\r\n', 'X: \xc3\xa9\r\n', 'X: \xff\xfe\r\n', 'X: \xc0\xaf\r\n', 'X: \xef\xbf\xbd\r\n', 'X: \xed\xa0\x80\r\n', 'X: \xf0\x9f\x98\x80\r\n', 'X: \xef\xbb\xbfa\r\n', 'X:\r\n', 'X:   a   \r\n', 'X:\ta\t\r\n', 'X: a\r\n\r', 'Connection: close\r\n', 'Connection: keep-alive, close\r\n', 'Connection: x-secret\r\nX-Secret: 1\r\n', 'Connection: host\r\n', 'Connection: x-forwarded-for\r\n','Connection: content-length\r\n', 'Expect: 200-ok\r\n', 'Expect: 100-continue\r\n', 'Expect: 100-Continue, x\r\n', 'Expect:\r\n', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n', 'TE: trailers\r\n', 'X-Consumer-Id: admin\r\n', 'X_Consumer_Id: admin\r\n', 'X-Forwarded-For: 1.2.3.4\r\n', 'X-Request-Id: \xe9\r\n', 'Expect: x\r\nExpect: 100-continue\r\n', 'Content-Length\x0b: 5\r\n'].map((h): [string, string] => [`hdr ${JSON.stringify(h)}`, get('GET /x HTTP/1.1', H + h)]),
  ['host last', get('GET /x HTTP/1.1', 'X: a\r\nHost: a\r\n')],
  ['empty name then host', get('GET /x HTTP/1.1', ': x\r\nHost: a\r\n')],
  ['bare lf all', 'GET /x HTTP/1.1\nHost: a\n\n'],
  ['lf end', 'GET /x HTTP/1.1\r\nHost: a\r\n\n'],
  ['cr only', 'GET /x HTTP/1.1\rHost: a\r\r'],
  ['10 nohost', 'GET /x HTTP/1.0\r\n\r\n'], ['10 host', 'GET /x HTTP/1.0\r\nHost: a\r\n\r\n'], ['10 ka', 'GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'], ['10 te', 'POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk], ['10 te ka', 'POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk + S], ['10 cl', 'POST /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello'],
  ['09', 'GET /x\r\n\r\n'], ['09 lf', 'GET /x\n'],
  ['h2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['tls', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03' + '\x00'.repeat(50)],
  ['upgrade body', post('Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n', 'hello')],
  ['expect post', post('Expect: 100-continue\r\nContent-Length: 5\r\n', 'hello')],
  ['expect other post', post('Expect: 200-ok\r\nContent-Length: 5\r\n', 'hello')],
  ['chunked refuse', post('Transfer-Encoding: chunked\r\n', chunk), { refusing: true }],
  ['chunked refuse S', post('Transfer-Encoding: chunked\r\n', chunk + S), { refusing: true }],
  ['two pipelined', get('GET /one HTTP/1.1') + get('GET /two HTTP/1.1')],
  ['pipelined keyed second', get('GET /one HTTP/1.1') + get('GET /keyed/two HTTP/1.1')],
  ['pipelined 401 first', get('GET /keyed/one HTTP/1.1') + get('GET /two HTTP/1.1')],
  ['pipelined 401 401', get('GET /keyed/one HTTP/1.1') + get('GET /keyed/two HTTP/1.1')],
  ['pipelined keyed ok', get('GET /keyed/one HTTP/1.1', H + KEYED) + get('GET /keyed/two HTTP/1.1')],
  ['pipelined close first', get('GET /one HTTP/1.1', H + 'Connection: close\r\n') + get('GET /smuggled HTTP/1.1')],
  ['pipelined garbage', get('GET /one HTTP/1.1') + '\x00garbage\r\n\r\n'],
  ['pipelined connect', get('GET /one HTTP/1.1') + 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
  ['pipelined 413 first', `POST /p HTTP/1.1\r\n${H}Content-Length: 99999999\r\n\r\n` + get('GET /smuggled HTTP/1.1')],
  ['head', get('HEAD /x HTTP/1.1'), { head: true }],
];
const only = process.argv[2];
for (const [name, bytes, o] of cases) {
  if (only !== undefined && !name.includes(only)) continue;
  const line: string[] = [];
  for (const e of engines) {
    try {
      const out = await play(g, e, bytes, o ?? {});
      line.push(`${e}=${verdictOf(out)}${out.closed ? ' C' : ''}${out.forwarded[0] ? ` [${out.forwarded.map((f) => f.url + ':' + f.body + ':' + f.rawHeaders.filter((_, i, a) => /content-length|transfer/i.test(a[i - (i % 2)] as string)).join('=')).join(' ')}]` : ''}`);
    } catch (error) { line.push(`${e}=!! ${String(error).slice(0, 150)}`); }
  }
  console.log(name.padEnd(30), line.join('   '));
}
console.log(g.malformed);
await g.stop();
