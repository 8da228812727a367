// A name server of the tests' own, over UDP on loopback: answers what the test says (RFC 1035, RFC 2782).

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

export type DnsRecord = AddressRecord | ServerRecord;

interface AddressRecord {
  readonly type: 'A' | 'AAAA';
  readonly address: string;
  readonly ttl?: number;
}

interface ServerRecord {
  readonly type: 'SRV';
  readonly name: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
  readonly ttl?: number;
}

/** Records of every type; or what goes wrong, for all types or for one. */
export type DnsAnswer = readonly DnsRecord[] | Failure | { readonly A: Part; readonly AAAA: Part };
type Part = readonly DnsRecord[] | Failure;
type Failure = 'nxdomain' | 'servfail' | 'refused' | 'silence' | 'garbage';

export interface DnsServer {
  /** 127.0.0.1:PORT */
  readonly address: string;
  /** Questions that came, as 'A orders.test'. */
  readonly questions: string[];
  /** From now on; names that were not set do not exist. */
  set(name: string, answer: DnsAnswer): void;
  /** Resolves when so many questions have come in all. */
  asked(count: number): Promise<void>;
  close(): Promise<void>;
}

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
type Type = keyof typeof TYPES;
const CODES = { nxdomain: 3, servfail: 2, refused: 5 } as const;
const TTL_SECONDS = 300;
const HEADER_BYTES = 12;
/** Points at the question's name. */
const NAME_POINTER = Buffer.from([0xc0, HEADER_BYTES]);

export async function startDnsServer(): Promise<DnsServer> {
  const answers = new Map<string, DnsAnswer>();
  const questions: string[] = [];
  const watchers = new Set<() => void>();
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, type } = readQuestion(query);
    if (type === undefined) return send(socket, from, header(query, 0, 0));
    const answer = partOf(answers.get(name) ?? 'nxdomain', type);
    if (answer === 'silence') {
      // Asked, and not answered.
    } else if (answer === 'garbage') send(socket, from, Buffer.concat([query.subarray(0, 2), Buffer.from('garbage')]));
    else if (typeof answer === 'string') send(socket, from, header(query, CODES[answer], 0));
    else {
      const records = answer.filter((record) => record.type === type).map(record);
      send(socket, from, Buffer.concat([header(query, 0, records.length), ...records]));
    }
    questions.push(`${type} ${name}`);
    for (const watcher of watchers) watcher();
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    questions,
    set: (name, answer) => void answers.set(name, answer),
    asked: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (questions.length < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function partOf(answer: DnsAnswer, type: Type): Part {
  if (typeof answer === 'string' || !('A' in answer)) return answer;
  return type === 'SRV' ? [] : answer[type];
}

function send(socket: Socket, { port, address }: RemoteInfo, message: Buffer): void {
  // The resolver may have gone away.
  socket.send(message, port, address, () => {});
}

function readQuestion(query: Buffer): { readonly name: string; readonly type: Type | undefined } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = query.readUInt16BE(at + 1);
  const type = (Object.keys(TYPES) as Type[]).find((known) => TYPES[known] === number);
  return { name: labels.join('.').toLowerCase(), type };
}

/** Of an answer, with the question as it came. */
function header(query: Buffer, code: number, answerCount: number): Buffer {
  let end = HEADER_BYTES;
  while ((query[end] ?? 0) > 0) end += 1 + (query[end] ?? 0);
  const bytes = Buffer.from(query.subarray(0, end + 5));
  // A response, authoritative, recursion available.
  bytes.writeUInt16BE(0x8580 | code, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answerCount, 6);
  bytes.writeUInt32BE(0, 8);
  return bytes;
}

function record(record: DnsRecord): Buffer {
  const data = dataOf(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(record.ttl ?? TTL_SECONDS, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([NAME_POINTER, fixed, data]);
}

function dataOf(record: DnsRecord): Buffer {
  if (record.type !== 'SRV') {
    return record.type === 'A' ? Buffer.from(record.address.split('.').map(Number)) : ipv6Bytes(record.address);
  }
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(record.priority ?? 0, 0);
  numbers.writeUInt16BE(record.weight ?? 1, 2);
  numbers.writeUInt16BE(record.port, 4);
  const labels = record.name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
