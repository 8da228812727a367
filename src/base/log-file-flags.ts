// How a log's file is opened, by whoever checks that it can be and by those who write into it.

import { constants } from 'node:fs';

// Appending: several threads write, and each write lands whole behind the others. Not blocking, for the sake of a pipe by
// that name: without a reader it fails, and when it is full it says so, where it would else hold a thread of libuv's pool.
export const LOG_FILE_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** It says who asked for what: not for every user of the machine. */
export const LOG_FILE_MODE = 0o640;
