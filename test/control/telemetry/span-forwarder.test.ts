import t from 'tap';
import type { TracingConfig } from '../../../src/control/config/config.ts';
import type { ExportAnswer, ExportTask } from '../../../src/control/telemetry/export-spans.ts';
import { EXPORT_SPANS_MAX, QUEUE_SPANS_MAX, SpanForwarder } from '../../../src/control/telemetry/span-forwarder.ts';
import type { SpanBatch } from '../../../src/gateway/telemetry/span-data.ts';
import { VirtualClock } from '../../gateway/limiter/window.ts';

const TRACING: TracingConfig = {
  otlp: 'http://collector/v1/traces',
  sample: 1,
  slowMs: 0,
  headers: { authorization: 'hush-hush' },
  serviceName: 'sluice',
};

interface Pending {
  readonly task: ExportTask;
  settle(answer: Partial<ExportAnswer>): Promise<void>;
  fail(): Promise<void>;
}

function rig() {
  const clock = new VirtualClock();
  const exports: Pending[] = [];
  const log: string[] = [];
  const state = { tracing: TRACING as TracingConfig | undefined };
  const forwarder = new SpanForwarder({
    clock,
    log: (level, message) => void log.push(`${level} ${message}`),
    tracing: () => state.tracing,
    export: (task) =>
      new Promise((resolve, reject) => {
        exports.push({
          task,
          async settle(answer) {
            resolve({ exported: 0, failed: 0, problem: '', ...answer });
            await turn();
          },
          async fail() {
            reject(new Error('terminated'));
            await turn();
          },
        });
      }),
  });
  return { clock, exports, log, state, forwarder };
}

/** Whatever promises have to do, they have done. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function batch(spanCount: number): SpanBatch {
  return { spanCount, bytes: new Uint8Array(1) };
}

t.test('one export at a time, and what came meanwhile goes together, up to a bound', async (t) => {
  const { forwarder, exports } = rig();
  forwarder.add(batch(10));
  forwarder.add(batch(EXPORT_SPANS_MAX - 5));
  forwarder.add(batch(5));
  forwarder.add(batch(1));
  t.equal(exports.length, 1);
  t.same(
    { ...exports[0]?.task, batches: 0 },
    { url: TRACING.otlp, headers: TRACING.headers, serviceName: 'sluice', batches: 0 },
  );
  await exports[0]?.settle({ exported: 10 });
  t.equal(exports[1]?.task.batches.length, 2);
  await exports[1]?.settle({ exported: EXPORT_SPANS_MAX });
  t.equal(exports[2]?.task.batches.length, 1);
  await exports[2]?.settle({ failed: 1, problem: 'no' });
  t.same(forwarder.counts, { exported: EXPORT_SPANS_MAX + 10, failed: 1, dropped: 0 });
  forwarder.add(batch(1));
  t.equal(exports.length, 4, 'it goes on');
});

t.test(
  'what finds no room in the queue is dropped and counted; the queue takes more when it has been emptied',
  async (t) => {
    const { forwarder, exports } = rig();
    forwarder.add(batch(1));
    for (let spans = 0; spans < QUEUE_SPANS_MAX; spans += 256) forwarder.add(batch(256));
    forwarder.add(batch(2));
    t.same(forwarder.counts, { exported: 0, failed: 0, dropped: 2 });
    await exports[0]?.settle({ exported: 1 });
    forwarder.add(batch(EXPORT_SPANS_MAX));
    t.equal(forwarder.counts.dropped, 2);
  },
);

t.test('a collector that is down is told about once a minute, without a secret', async (t) => {
  const { forwarder, exports, log, clock } = rig();
  for (let n = 0; n < 5; n++) {
    forwarder.add(batch(1));
    await exports[n]?.settle({ failed: 1, problem: 'ECONNREFUSED' });
    clock.us += 14_000_000;
  }
  t.same(log, ['warn traces: http://collector/v1/traces: ECONNREFUSED; 1 spans lost since the start']);
  forwarder.add(batch(1));
  await exports[5]?.fail();
  t.match(log[1], 'the task pool ended; 6 spans lost');
  t.notMatch(log.join('\n'), 'hush-hush');
});

t.test('tracing that was turned off meanwhile leaves nobody to send to', async (t) => {
  const { forwarder, exports, state } = rig();
  state.tracing = undefined;
  forwarder.add(batch(3));
  await turn();
  t.equal(exports.length, 0);
  t.equal(forwarder.counts.dropped, 3);
});

t.test('a flush waits for what is under way and queued, but not for ever', async (t) => {
  const { forwarder, exports } = rig();
  await forwarder.flush(60_000);
  forwarder.add(batch(1));
  forwarder.add(batch(1));
  let isFlushed = false;
  const flushed = forwarder.flush(60_000).then(() => {
    isFlushed = true;
  });
  await exports[0]?.settle({ exported: 1 });
  t.notOk(isFlushed);
  await exports[1]?.settle({ exported: 1 });
  await flushed;
  forwarder.add(batch(1));
  await forwarder.flush(1);
  t.equal(exports.length, 3, 'the time was over');
});
