/** Messages for people, in the execution's log. Shown once: not again when the workflow is replayed. */

import { host } from './host.js';
import type { Level } from './wit.js';

/** Writes a message of the given level. */
export function write(level: Level, message: string): void {
  host().log(level, String(message).toWellFormed());
}

/** Writes what is only of use when looking for a mistake, in every detail. */
export function trace(message: string): void {
  write('trace', message);
}

/** Writes what is only of use when looking for a mistake. */
export function debug(message: string): void {
  write('debug', message);
}

/** Writes what is worth knowing. */
export function info(message: string): void {
  write('info', message);
}

/** Writes what may need attention. */
export function warn(message: string): void {
  write('warn', message);
}

/** Writes what needs attention. */
export function error(message: string): void {
  write('error', message);
}
