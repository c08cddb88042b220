/** `console`: writes to the execution's log. */

import { isInstalled } from '../host.js';
import * as log from '../log.js';
import type { Level } from '../wit.js';

/** What was written while the component was built, where there is no log. */
let early: Array<[Level, string]> = [];

/** The console. */
export function consoleOfHost(): Record<string, (...values: unknown[]) => void> {
  const at =
    (level: Level) =>
    (...values: unknown[]): void =>
      write(level, values.map(show).join(' '));
  return {
    trace: at('trace'),
    debug: at('debug'),
    log: at('info'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    assert(holds: unknown, ...values: unknown[]) {
      if (!holds) write('error', ['assertion failed:', ...values.map(show)].join(' '));
    },
  };
}

/** Writes what the console was given while the component was built. */
export function flushConsole(): void {
  for (const [level, message] of early) log.write(level, message);
  early = [];
}

function write(level: Level, message: string): void {
  if (isInstalled()) log.write(level, message);
  else early.push([level, message]);
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack ?? ''}`.trimEnd();
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A circle, or a BigInt: no JSON, but a text.
    return String(value);
  }
}
