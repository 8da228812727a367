import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { absentWorker, type FleetWorker } from '../../../src/control/workers/fleet-worker.ts';
import { ListenerCertificates } from '../../../src/control/workers/listener-certificates.ts';
import { ListenerPlan } from '../../../src/control/workers/listener-plan.ts';
import { TlsRotation } from '../../../src/control/workers/tls-rotation.ts';
import type { ListenerTls, ToWorker } from '../../../src/gateway/worker-messages.ts';
import { buildGateway } from '../../support/build-config.ts';

const tls: ListenerTls = { uws: [undefined], node: [] };

/** Workers that serve, with descriptor 1, 2, … of their one app. */
function rig(count = 2) {
  const told: string[] = [];
  const log: string[] = [];
  const workers: FleetWorker[] = Array.from({ length: count }, (_, index) => ({
    ...absentWorker(index as WorkerIndex),
    descriptors: [index + 1],
    registered: true,
    serves: true,
  }));
  const rotation = new TlsRotation({
    workers,
    log: (_level, message) => void log.push(message),
    send: (worker, message: ToWorker) =>
      void told.push(`${worker.index} ${message.type} ${'round' in message ? message.round : ''}`),
    swap: (before, after) => void told.push(`swap ${before} ${after}`),
  });
  const answer = (index: number, round: number, problem = ''): void =>
    rotation.onPrepared(workers[index] as FleetWorker, {
      type: 'tls-prepared',
      round,
      descriptors: problem === '' ? [10 * round + index] : [],
      problem,
    });
  /** What was told since the last call. */
  const news = (): string[] => told.splice(0);
  return { rotation, workers, answer, news, log };
}

t.test('all workers hold the certificates ready before any uses them', async (t) => {
  const { rotation, answer, news } = rig();
  const prepared = rotation.prepare(tls);
  t.same(news(), ['0 prepare-tls 1', '1 prepare-tls 1']);
  answer(0, 1);
  t.same(news(), []);
  answer(1, 1);
  t.same(await prepared, []);
  rotation.use(5_000);
  t.same(news(), ['swap 1 10', '0 use-tls 1', 'swap 2 11', '1 use-tls 1']);
});

t.test('what one worker cannot use none uses; the problem is told once', async (t) => {
  const { rotation, answer, news } = rig();
  const prepared = rotation.prepare(tls);
  answer(0, 1, 'bad key');
  answer(1, 1, 'bad key');
  t.same(await prepared, ['gateway.listen: the certificates cannot be used: bad key']);
  rotation.use(5_000);
  t.same(news().slice(2), ['0 discard-tls 1', '1 discard-tls 1']);
});

t.test('a worker that does not answer in time is a problem, and its late answer changes nothing', async (t) => {
  const { rotation, answer, news } = rig();
  const prepared = rotation.prepare(tls, 1);
  answer(0, 1);
  t.match(await prepared, [/: worker 1 did not take them in time$/]);
  news();
  answer(1, 1);
  rotation.use(5_000);
  t.same(news(), []);
});

t.test('what was not published after all is let go of', async (t) => {
  const { rotation, answer, news } = rig(1);
  const prepared = rotation.prepare(tls);
  answer(0, 1);
  await prepared;
  rotation.discard();
  rotation.use(5_000);
  t.same(news(), ['0 prepare-tls 1', '0 discard-tls 1']);
});

t.test(
  'a worker that ends meanwhile is not waited for, and its replacement follows as soon as it serves',
  async (t) => {
    const { rotation, workers, answer, news } = rig();
    const worker = workers[1] as FleetWorker;
    const prepared = rotation.prepare(tls);
    answer(0, 1);
    worker.serves = false;
    rotation.onEnded(worker);
    t.same(await prepared, []);
    rotation.onOpening(worker);
    rotation.use(5_000);
    news();
    Object.assign(worker, { serves: true, descriptors: [7] });
    rotation.onServing(worker);
    t.same(news(), ['1 prepare-tls 1']);
    answer(1, 1);
    t.same(news(), ['swap 7 11', '1 use-tls 1']);
    rotation.onOpening(worker);
    rotation.onServing(worker);
    t.same(news(), [], 'the next one opens with them');
  },
);

t.test('a replacement that cannot follow goes on with what it has, and that is logged', async (t) => {
  const { rotation, workers, answer, news, log } = rig(1);
  const worker = workers[0] as FleetWorker;
  worker.serves = false;
  t.same(await rotation.prepare(tls), []);
  rotation.onOpening(worker);
  rotation.use(5_000);
  worker.serves = true;
  rotation.onServing(worker);
  answer(0, 1, 'bad key');
  t.same(news(), ['0 prepare-tls 1']);
  t.same(log, ['worker 0 goes on with its certificates: bad key']);
});

t.test(
  'a worker that gets no connections for now is told, and has its other apps when it gets some again',
  async (t) => {
    const { rotation, workers, answer, news } = rig(1);
    const worker = workers[0] as FleetWorker;
    worker.registered = false;
    const prepared = rotation.prepare(tls);
    answer(0, 1);
    await prepared;
    rotation.use(5_000);
    t.same(news(), ['0 prepare-tls 1', '0 use-tls 1']);
    t.same(worker.descriptors, [10]);
  },
);

t.test(
  'a reload that changes no certificate asks no worker; one that does changes what later ones open with',
  async (t) => {
    const asked: string[] = [];
    const pair = { hosts: [], certFile: 'a', keyFile: 'b', cert: 'one', key: 'k', expiresMs: 1 };
    const gateway = (cert: string, expiresMs = 1) => {
      const plan = {
        ciphers: '',
        minVersion: 'TLSv1.2',
        clientCa: '',
        clientCaFile: '',
        clientAuth: 'none',
        hsts: '',
      } as const;
      const certificates = [{ ...pair, cert, expiresMs }];
      const listener = { host: '', port: 1, engine: 'uws', chunked: 'accept', tls: { ...plan, certificates } } as const;
      return buildGateway({ listen: [listener] });
    };
    const plan = new ListenerPlan(gateway('one'), 1);
    let problems: readonly string[] = [];
    const certificates = new ListenerCertificates(plan, {
      prepare: async () => {
        asked.push('prepare');
        return problems;
      },
      use: (timeoutMs) => void asked.push(`use ${timeoutMs}`),
      discard: () => void asked.push('discard'),
    });
    const certOf = () => plan.listenersOf(0 as WorkerIndex).uws[0]?.tls?.certificates[0]?.cert;
    t.same(await certificates.prepare(gateway('one', 2)), []);
    certificates.use(1);
    certificates.discard();
    t.same(asked, []);
    problems = ['no'];
    t.same(await certificates.prepare(gateway('two')), ['no']);
    certificates.discard();
    t.same([asked.splice(0), certOf()], [['prepare'], 'one']);
    problems = [];
    await certificates.prepare(gateway('two'));
    certificates.discard();
    t.same([asked.splice(0), certOf()], [['prepare', 'discard'], 'one']);
    await certificates.prepare(gateway('two'));
    certificates.use(9);
    t.same([asked.splice(0), certOf()], [['prepare', 'use 9'], 'two']);
  },
);
