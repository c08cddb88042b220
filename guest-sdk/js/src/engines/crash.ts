/** How an instance ends after a mistake of the program. */

/** Tells a text to standard error and ends the instance; the engine's own way if there is none. */
let tell: ((text: string) => void) | undefined;

/** What an engine does instead of its own way, which is hard to read. */
export function tellBy(way: (text: string) => void): void {
  tell = way;
}

/** Ends the instance, if the engine has a way of its own. */
export function crash(error: Error): void {
  tell?.(`${error.name}: ${error.message}\n${error.stack ?? ''}`.trimEnd() + '\n');
}
