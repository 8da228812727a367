import t from 'tap';
import { Phases, printShare } from '../../loadtest/scenarios/phase.ts';

t.test(
  'a request belongs to the phase it was sent in, or to the fault that began while it was under way',
  async (t) => {
    const phases = new Phases();
    const before = phases.begin('before', 100);
    const fault = phases.begin('fault', 200, true);
    const after = phases.begin('after', 300);
    t.equal(phases.of(50, 60), undefined);
    t.equal(phases.of(100, 199), before);
    t.equal(phases.of(190, 210), fault);
    t.equal(phases.of(210, 220), fault);
    t.equal(phases.of(290, 350), fault, 'it was hit by the fault');
    t.equal(phases.of(300, 400), after);
  },
);

t.test('a phase counts what became of its requests', async (t) => {
  const phase = new Phases().begin('before', 0);
  t.equal(phase.successShare, undefined);
  t.equal(phase.print(), 'no request came to an end');
  for (let n = 0; n < 7; n++) {
    phase.onAnswer({ sentMs: n, arrivedMs: n + 10, status: 200, headers: [], intervalMs: 0 });
  }
  phase.onAnswer({ sentMs: 8, arrivedMs: 18, status: 502, headers: [], intervalMs: 0 });
  t.equal(phase.successShare, 7 / 8);
  phase.onFailure();
  t.match(phase.print(), /^77\.77 % of 9 succeeded, p50 10 ms, p99 10 ms$/);
});

t.test('a share is never rounded up to all', async (t) => {
  t.equal(printShare(0.999_999), '99.99 %');
  t.equal(printShare(0.9999), '99.99 %');
  t.equal(printShare(1), '100 %');
});
