/**
 * What a value has to look like. Schemas of any library that follows Standard Schema (valibot, zod, arktype) can be
 * used; what they accept is typed and, where they do that, converted.
 */

import { messageOf } from './json.js';

/** A schema as https://standardschema.dev says it. */
export interface Schema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Checked<T> | PromiseLike<Checked<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

interface Issue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

type Checked<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: ReadonlyArray<Issue> };

/**
 * The value, checked.
 *
 * Throws where it is of another shape; the message names the first place: `amount: Expected number`.
 */
export function check<T>(value: unknown, schema: Schema<T> | undefined): T {
  if (schema === undefined) return value as T;
  const checked = schema['~standard'].validate(value);
  if ('then' in checked) throw new TypeError('a schema of a workflow can not check asynchronously');
  const issue = checked.issues?.[0];
  if (issue !== undefined) throw new TypeError(describe(issue));
  return (checked as { value: T }).value;
}

function describe({ message, path }: Issue): string {
  const place = (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
  return place === '' ? messageOf(message) : `${place}: ${message}`;
}
