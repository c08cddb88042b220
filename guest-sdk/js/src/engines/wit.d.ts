/** `wit/workflow.wit` as the engines give it to a component. */

declare module 'reprise:workflow/transaction@0.1.0' {
  export const newBranch: import('../host.js').Host['newBranch'];
  export const setOptions: import('../host.js').Host['setOptions'];
  export const onCommit: import('../host.js').Host['onCommit'];
  export const onRollback: import('../host.js').Host['onRollback'];
  export const onCommitHandler: import('../host.js').Host['onCommitHandler'];
  export const onRollbackHandler: import('../host.js').Host['onRollbackHandler'];
  export const onFinish: import('../host.js').Host['onFinish'];
  export const submit: import('../host.js').Host['submit'];
  export const waitAny: import('../host.js').Host['waitAny'];
  export const takeResponse: import('../host.js').Host['takeResponse'];
  export const cancel: import('../host.js').Host['cancel'];
  export const scope: import('../host.js').Host['scope'];
}

declare module 'reprise:workflow/time@0.1.0' {
  export const now: import('../host.js').Host['now'];
  export const timer: import('../host.js').Host['timer'];
}

declare module 'reprise:workflow/random@0.1.0' {
  export const bytes: import('../host.js').Host['randomBytes'];
}

declare module 'reprise:workflow/log@0.1.0' {
  export const write: import('../host.js').Host['log'];
}

declare module 'wasi:cli/stderr@0.2.12' {
  export function getStderr(): { blockingWriteAndFlush(contents: Uint8Array): void };
}

declare module 'wasi:cli/exit@0.2.12' {
  export function exit(status: { tag: 'ok' | 'err' }): void;
}
