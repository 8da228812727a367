import type { HeaderList } from '../../src/gateway/pipeline/exchange.ts';
import type { AnswerHead } from '../../src/gateway/upstream/transports/answer-head.ts';
import { headOfFields } from '../../src/gateway/upstream/transports/head-of-fields.ts';

/** Flat: name, value, … → 'name: value\r\n' each. */
export function linesOf(list: HeaderList): string {
  let lines = '';
  for (let i = 0; i < list.length; i += 2) lines += `${list[i]}: ${list[i + 1]}\r\n`;
  return lines;
}

/** An answer's head as a transport would tell it. @throws when it cannot be passed on */
export function headOf(status: number, list: HeaderList): AnswerHead {
  const head = headOfFields(
    status,
    list.map((text) => Buffer.from(text, 'latin1')),
  );
  if (head === undefined) throw new Error('a header cannot be passed on');
  return head;
}
