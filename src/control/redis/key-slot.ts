// Which of a cluster's 16,384 slots a key lies in.
// @source  Redis Cluster specification, key distribution model: CRC-16/XMODEM of the key, or of its hash tag

export const SLOT_COUNT = 16_384;
const POLYNOMIAL = 0x1021;

/** @param key  ASCII; what stands between its first { and the next } alone counts, unless that is nothing */
export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return crc16(close > open + 1 ? key.slice(open + 1, close) : key) % SLOT_COUNT;
}

function crc16(text: string): number {
  let crc = 0;
  for (let index = 0; index < text.length; index++) {
    crc ^= (text.charCodeAt(index) & 0xff) << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)) & 0xffff;
  }
  return crc;
}
