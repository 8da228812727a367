// npm run bench:history: a short comparison, remembered. Appends one line to a file outside the sources and draws all its lines
// as an SVG beside it.
//
//   npm run bench:history -- [--file FILE] [--rounds 3] [--seconds 3] [--draw]      --draw measures nothing

import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare } from '../compare/compare.ts';
import { contenders } from '../compare/contenders/all.ts';
import { summarize } from '../compare/summarize.ts';
import { yardsticks } from '../compare/yardsticks.ts';
import { describeMachine } from '../support/machine.ts';
import { readCount } from '../support/read-count.ts';
import { currentCommit } from './current-commit.ts';
import { drawHistory } from './draw-history.ts';
import type { HistoryEntry } from './history-entry.ts';
import { HistoryFile } from './history-file.ts';

const CONNECTIONS = 64;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const dataFolder = process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');

const { values } = parseArgs({
  options: {
    file: { type: 'string', default: join(dataFolder, 'sluice', 'bench-history.jsonl') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    draw: { type: 'boolean', default: false },
  },
});
const file = resolve(values.file);
const history = new HistoryFile(file);
if (!values.draw) history.append(await measure());

const { entries, brokenLines } = history.read();
for (const line of brokenLines) process.stderr.write(`${file}:${line} is no line of a history; it is left out\n`);
const drawing = `${file.replace(/\.jsonl$/, '')}.svg`;
writeFileSync(drawing, drawHistory(entries, yardsticks));
process.stdout.write(`${entries.length} runs in ${file}\ndrawn in ${drawing}\n`);

async function measure(): Promise<HistoryEntry> {
  const { rounds } = await compare({
    contenders,
    rounds: readCount('rounds', values.rounds),
    seconds: readCount('seconds', values.seconds),
    connections: CONNECTIONS,
    tell: (line) => void process.stdout.write(`${line}\n`),
  });
  const ratios: Record<string, Record<string, number>> = {};
  for (const { name, ratios: own } of summarize(rounds, yardsticks)) {
    for (const [yardstick, { median }] of Object.entries(own)) {
      ratios[yardstick] ??= {};
      // Three digits are more than a run is good for.
      ratios[yardstick][name] = Number(median.toPrecision(3));
    }
  }
  return { commit: currentCommit(root), date: new Date().toISOString(), machine: describeMachine(), ratios };
}
