import fc from 'fast-check';
import t from 'tap';
import { LineBuffer } from '../../../src/gateway/telemetry/line-buffer.ts';
import { LogFile } from '../../../src/gateway/telemetry/log-file.ts';
import { ToldDisk } from '../../support/told-disk.ts';

const BUFFER_BYTES = 64 * 1024;

class Rig {
  readonly disk = new ToldDisk();
  /** Of each buffer that came back: lines written, lines lost. */
  readonly done: [written: number, lost: number][] = [];
  readonly file = new LogFile(this.disk, (buffer, written) => {
    this.done.push([written, buffer.lineCount - written]);
  });

  constructor(isOpen = true) {
    if (isOpen) this.file.open('/log');
  }

  write(...lines: readonly string[]): void {
    const buffer = new LineBuffer(BUFFER_BYTES);
    for (const line of lines) {
      buffer.putBytes(Buffer.from(line));
      buffer.endLine();
    }
    this.file.write(buffer);
  }
}

t.test('lines are written, and the buffer comes back', async (t) => {
  const rig = new Rig();
  rig.write('{"a":1', '{"a":2');
  t.same(rig.disk.lines('/log'), ['{"a":1}', '{"a":2}']);
  t.same(rig.done, [[2, 0]]);
  t.ok(rig.file.isReady);
});

t.test('a write that is cut short goes on behind what was taken', async (t) => {
  const rig = new Rig();
  rig.disk.onWrite = (length) => Math.min(length, 3);
  rig.write('{"a":1', '{"a":2');
  t.same(rig.disk.lines('/log'), ['{"a":1}', '{"a":2}']);
  t.same(rig.done, [[2, 0]]);
});

t.test('a pipe that is full is tried again at the next tick, and loses nothing', async (t) => {
  const rig = new Rig();
  const outcomes = [3, 'EAGAIN', 'EINTR', 0];
  rig.disk.onWrite = (length) => outcomes.shift() ?? length;
  rig.write('{"a":1', '{"a":2');
  t.same(rig.done, []);
  t.notOk(rig.file.isReady);
  for (const nowMs of [10, 20, 30]) rig.file.tick(nowMs);
  t.same(rig.disk.lines('/log'), ['{"a":1}', '{"a":2}']);
  t.same(rig.done, [[2, 0]]);
  t.equal(rig.file.trouble, '');
});

t.test('a disk that is full loses whole lines, and the next buffer starts a line of its own', async (t) => {
  const rig = new Rig();
  const outcomes = [10, 'ENOSPC', 'ENOSPC'];
  rig.disk.onWrite = (length) => outcomes.shift() ?? length;
  rig.write('{"a":1', '{"a":2', '{"a":3');
  t.same(rig.done, [[1, 2]]);
  t.match(rig.file.trouble, /ENOSPC/);
  rig.write('{"a":4');
  rig.write('{"a":5');
  t.same(rig.done, [
    [1, 2],
    [0, 1],
    [1, 0],
  ]);
  t.same(rig.disk.lines('/log'), ['{"a":1}', '{"', '{"a":5}']);
});

t.test('whatever the disk does, lines are written or lost, and the file has those that are written', async (t) => {
  const outcome = fc.oneof(fc.constantFrom('EAGAIN', 'EINTR', 'ENOSPC', 'EIO', 'EPIPE'), fc.nat(40));
  const buffers = fc.array(fc.nat(6), { minLength: 1, maxLength: 8 });
  const law = fc.property(buffers, fc.array(outcome, { maxLength: 40 }), fc.boolean(), (sizes, all, isRegular) => {
    const outcomes = [...all];
    const disk = new ToldDisk();
    let [written, lost, line] = [0, 0, 0];
    const file = new LogFile(disk, (buffer, count) => {
      written += count;
      lost += buffer.lineCount - count;
    });
    disk.isRegular = isRegular;
    file.open('/log');
    disk.onWrite = (length) => {
      const next = outcomes.shift() ?? length;
      return typeof next === 'number' ? Math.min(next, length) : next;
    };
    for (const size of sizes) {
      const buffer = new LineBuffer(BUFFER_BYTES);
      for (let i = 0; i < size + 1; i++) {
        buffer.putBytes(Buffer.from(`{"line":${line++},"x":"${'x'.repeat(i * 600)}"`));
        buffer.endLine();
      }
      file.write(buffer);
      for (let tick = 0; !file.isReady; tick++) file.tick(tick);
    }
    const whole = disk.lines('/log').filter((text) => text.endsWith('}'));
    const numbers = whole.map((text) => JSON.parse(text).line as number);
    return written + lost === line && whole.length === written && numbers.every((n, i) => n > (numbers[i - 1] ?? -1));
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});

t.test('a pipe gets whole lines that it takes at once; a file gets the buffer', async (t) => {
  const lines = Array.from({ length: 50 }, (_, i) => `{"a":"${'x'.repeat(50 * i)}"`);
  for (const isRegular of [true, false]) {
    const rig = new Rig(false);
    rig.disk.isRegular = isRegular;
    rig.file.open('-');
    rig.write(...lines);
    t.same(rig.done, [[50, 0]]);
    t.equal(rig.disk.lines('-').length, 50);
    t.equal(rig.disk.pieces.length === 1, isRegular);
    if (!isRegular) t.ok(rig.disk.pieces.every((piece) => piece.length <= 4_096 && piece.endsWith('}\n')));
  }
});

t.test('a file that cannot be opened is tried again after a second', async (t) => {
  const rig = new Rig(false);
  rig.disk.openError = 'EACCES';
  rig.file.open('/log');
  t.notOk(rig.file.isReady);
  t.match(rig.file.trouble, /EACCES/);
  rig.disk.openError = undefined;
  rig.file.tick(999);
  t.notOk(rig.file.isReady);
  rig.file.tick(1_000);
  t.ok(rig.file.isReady);
});

t.test('another file is taken behind the buffer that is being written, and the old one is closed', async (t) => {
  const rig = new Rig();
  rig.disk.onWrite = () => undefined;
  rig.write('{"a":1');
  rig.file.open('/next');
  t.equal(rig.disk.openFds.size, 2);
  rig.disk.onWrite = (length) => length;
  rig.disk.release();
  t.equal(rig.disk.openFds.size, 1);
  rig.write('{"a":2');
  t.same(rig.disk.lines('/log'), ['{"a":1}']);
  t.same(rig.disk.lines('/next'), ['{"a":2}']);
});

t.test('while a new file cannot be opened, the old one goes on', async (t) => {
  const rig = new Rig();
  rig.disk.openError = 'EMFILE';
  rig.file.open('/log');
  rig.write('{"a":1');
  t.same(rig.done, [[1, 0]]);
  t.match(rig.file.trouble, /EMFILE/);
});

t.test('a file that is closed while a buffer is being written is closed behind it', async (t) => {
  const rig = new Rig();
  rig.disk.onWrite = () => undefined;
  rig.write('{"a":1');
  rig.file.close();
  t.equal(rig.disk.openFds.size, 1);
  rig.disk.onWrite = (length) => length;
  rig.disk.release();
  t.equal(rig.disk.openFds.size, 0);
  t.same(rig.done, [[1, 0]]);
});

t.test('what is abandoned is told as lost, and not again when the disk answers at last', async (t) => {
  const rig = new Rig();
  const outcomes = [10];
  rig.disk.onWrite = () => outcomes.shift();
  rig.write('{"a":1', '{"a":2', '{"a":3');
  t.equal(rig.file.abandon(), 2);
  rig.disk.onWrite = (length) => length;
  rig.disk.release();
  t.same(rig.done, []);
  t.equal(rig.disk.openFds.size, 0);
});

t.test('what waits for a tick is abandoned with its file', async (t) => {
  const rig = new Rig();
  rig.disk.onWrite = () => 'EAGAIN';
  rig.write('{"a":1');
  t.equal(rig.file.abandon(), 1);
  t.equal(rig.disk.openFds.size, 0);
});
