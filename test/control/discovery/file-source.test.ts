import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { FileDiscoveryConfig } from '../../../src/control/config/config.ts';
import { readTargetsFile } from '../../../src/control/config/read-targets-file.ts';
import type { DiscoveryListener } from '../../../src/control/discovery/discovery-source.ts';
import { FileSource } from '../../../src/control/discovery/file-source.ts';

/** Everything that a source tells, in order. */
class Told implements DiscoveryListener {
  readonly #told: string[] = [];
  #onTold = (): void => {};

  onTargets(targets: Parameters<DiscoveryListener['onTargets']>[0]): void {
    this.#take(targets.map(({ origin, weight }) => `${origin} ${weight}`).join(', '));
  }

  onFailure(reason: string): void {
    this.#take(`failed: ${reason}`);
  }

  /** The next one that is another than the last. */
  async next(last = ''): Promise<string> {
    for (;;) {
      const one = this.#told.shift();
      if (one !== undefined && one !== last) return one;
      if (one === undefined) {
        await new Promise<void>((resolve) => {
          this.#onTold = resolve;
        });
      }
    }
  }

  #take(text: string): void {
    this.#told.push(text);
    this.#onTold();
  }
}

function start(t: { teardown(end: () => void): void }, config: FileDiscoveryConfig) {
  const source = new FileSource(config, (task) => Promise.resolve(readTargetsFile({ ...task, env: { PORT: '9003' } })));
  const told = new Told();
  source.start(told);
  t.teardown(() => source.stop());
  return { source, told };
}

t.test('a file is read, and read again when it has changed; a broken one is told with its place', async (t) => {
  const file = join(t.testdir({ 'targets.yaml': '- http://127.0.0.1:9001\n' }), 'targets.yaml');
  const replace = async (text: string): Promise<void> => {
    await writeFile(`${file}.next`, text);
    await rename(`${file}.next`, file);
  };
  const { told } = start(t, { kind: 'file', file, httpsOnly: false });
  const first = await told.next();
  t.equal(first, 'http://127.0.0.1:9001 1');
  await replace('- http://127.0.0.1:9001\n- { url: "http://127.0.0.1:9002", weight: 0 }\n');
  const broken = await told.next(first);
  t.match(broken, `failed: ${file}:2:43 [1].weight: is not valid; expected a whole number from 1 to 1000`);
  await replace('["http://127.0.0.1:9001", { "url": "http://127.0.0.1:${PORT}", "weight": 2 }]');
  t.equal(await told.next(broken), 'http://127.0.0.1:9001 1, http://127.0.0.1:9003 2', 'JSON, and the environment');
});

t.test('a file that is missing is a failure, and its coming is seen', async (t) => {
  const file = join(t.testdir(), 'targets.yaml');
  const { told } = start(t, { kind: 'file', file, httpsOnly: false });
  const missing = await told.next();
  t.equal(missing, `failed: ${file}: there is no such file`);
  await writeFile(file, '- https://127.0.0.1:9001\n');
  t.equal(await told.next(missing), 'https://127.0.0.1:9001 1');
});

t.test('what is no list of targets is refused with every problem', async (t) => {
  const folder = t.testdir({
    empty: '',
    none: '[]',
    map: 'a: 1',
    syntax: '- "http://a\n',
    wrong: '- ftp://a\n- { url: "http://b", wieght: 2 }\n',
    plain: '- http://a\n- https://b\n',
  });
  const problemsOf = (name: string, httpsOnly = false) => {
    const result = readTargetsFile({ file: join(folder, name), env: {}, httpsOnly });
    return result.ok ? [] : result.error.map((problem) => problem.slice(folder.length + 1));
  };
  t.match(problemsOf('empty'), [/^empty:1:1: .*expected a list/]);
  t.match(problemsOf('none'), [/^none:1:1: .*expected at least 1/]);
  t.match(problemsOf('map'), [/^map:1:1: .*expected a list/]);
  t.match(problemsOf('syntax'), [/^syntax:\d/]);
  t.match(problemsOf('wrong'), [/^wrong:1:3 \[0\]/, /^wrong:2:\d+ \[1\].wieght: unknown key.*did you mean weight/]);
  t.same(problemsOf('plain'), []);
  t.match(problemsOf('plain', true), [/^plain:1:3 \[0\]: http2 needs an https target/]);
});
