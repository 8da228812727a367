// Preloaded into the tests' processes (run-tests.mjs), so that they and what they start cost less.
//
// The tests are compiled, and the loader for TypeScript that tap gives each of them costs 0.4 to 0.6 s of CPU: a quarter of
// what the suite takes on two cores. tap has a switch for it, which it ignores before Node 22, and with which it gives later
// ones options that the gateways of the tests would inherit. So it is on only while the loaders are: this file comes before
// them, by NODE_OPTIONS, and once more behind them, by an argument. And tap would follow each process that a test starts, for 0.1 s of
// CPU each, to know which files it read: it is told not to (coverage is c8's, which needs none of this).

const RUNNER = /[\\/]tap[\\/]dist[\\/]esm[\\/]run\.mjs$/;
const isBehind = new URL(import.meta.url).search === '?behind';

if (isBehind) {
  delete process.env.TAP_TYPE_STRIP_ONLY;
  delete process.env.__TAPJS_PROCESSINFO_TESTING_NO_REGISTER__;
  keepOptions((option) => !option.includes('/@tapjs/processinfo/'));
} else if (!RUNNER.test(process.argv[1] ?? '')) {
  process.env.TAP_TYPE_STRIP_ONLY = '1';
  process.env.__TAPJS_PROCESSINFO_TESTING_NO_REGISTER__ = String(process.pid);
  keepOptions((option) => !option.includes('/lean-tests.mjs'));
}

function keepOptions(isKept) {
  process.env.NODE_OPTIONS = (process.env.NODE_OPTIONS ?? '').split(' ').filter(isKept).join(' ');
}
