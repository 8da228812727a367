import t from 'tap';
import { LogValve } from '../../src/control/log-valve.ts';
import { VirtualClock } from '../gateway/limiter/window.ts';

t.test('so many lines pass within ten seconds; of the others their number is told', async (t) => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const { write } = new LogValve((level, message) => lines.push(`${level} ${message}`), clock);
  for (let i = 0; i < 60; i++) write('info', `line ${i}`);
  t.equal(lines.length, 50);
  clock.us += 10_000_000;
  write('error', 'later');
  t.same(lines.slice(50), ['warn 10 more lines like these were left out', 'error later']);
});
