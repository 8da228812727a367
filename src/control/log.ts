// The process's own log: one line an event, on standard error, so that standard output stays free for answers.

export type LogLevel = 'info' | 'warn' | 'error';

export type Log = (level: LogLevel, message: string) => void;

/** 2026-11-23T17:00:00.000Z warn  worker 1 failed … */
export const logToStderr: Log = (level, message) => {
  process.stderr.write(`${new Date().toISOString()} ${level.padEnd(5)} ${message}\n`);
};
