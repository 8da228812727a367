// What the settings of balancing mean for each other.

import type { BalancingConfig } from './config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

export function checkBalancing(upstream: BalancingConfig, path: Path, report: Report): void {
  const { balance, slowStart = 0, outliers } = upstream;
  if (balance?.key !== undefined && balance.by !== 'hash') {
    report.add([...path, 'balance', 'key'], { message: 'has no effect: only hash has a key', isAboutKey: true });
  }
  if (balance?.by === 'hash' && slowStart > 0) {
    report.add([...path, 'slowStart'], { severity: 'warning', message: 'has no effect with hash', isAboutKey: true });
  }
  if (outliers === undefined) return;
  const { consecutiveErrors, connectFailures, errorShare, slowFactor, silentMs, ejectedShareMax, panicShare } =
    outliers;
  if (consecutiveErrors + connectFailures + errorShare + slowFactor + silentMs === 0) {
    report.add([...path, 'outliers'], { message: 'says never to everything: no target could be put out' });
  }
  if (ejectedShareMax > 1 - panicShare) {
    report.add([...path, 'outliers'], {
      severity: 'warning',
      message: 'with maxEjected of them out, fewer targets than panic are left, and all are used again',
    });
  }
}
