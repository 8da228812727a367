import { startRawGateway, play, engines } from './raw-harness.ts';
import { RawClient } from '../support/raw-client.ts';
const g = await startRawGateway();
for (const v of ['\xe9', '\xc3\xa9', '\xff\xfe', '\xef\xbf\xbd', '\xf0\x9f\x98\x80', '\xef\xbb\xbfa', '\xed\xa0\x80', '\xc0\xaf', 'a\xe2\x80\xa8b'])
  for (const e of engines) {
    const o = await play(g, e, `GET /x HTTP/1.1\r\nHost: a\r\nX: ${v}\r\n\r\n`);
    const h = o.forwarded[0]?.rawHeaders ?? [];
    console.log(JSON.stringify(v), e, JSON.stringify(h[h.indexOf('x') + 1]), o.statuses);
  }
// Names of bytes >= 0x80, body framing hidden behind an empty name
for (const e of engines) {
  const o = await play(g, e, `POST /x HTTP/1.1\r\nHost: a\r\n: x\r\nContent-Length: 42\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nabcdefgh`);
  console.log(e, o);
}
const m = async () => (await (await fetch(g.process.admin + '/metrics')).text()).split('\n').filter((l) => /flight|conn|flush/.test(l) && !l.startsWith('#')).join('; ');
console.log(await m());
await g.stop();
