/** `Date` in virtual time. */

/** A `Date` whose present is what `nowMs` says. */
export function dateOf(nowMs: () => number): DateConstructor {
  const RealDate = globalThis.Date;
  return new Proxy(RealDate, {
    construct: (target, given, self) =>
      Reflect.construct(target, given.length === 0 ? [nowMs()] : given, self) as object,
    apply: () => new RealDate(nowMs()).toString(),
    get: (target, name) => (name === 'now' ? nowMs : Reflect.get(target, name)),
  });
}
