/// What a workflow and its handlers are, and how they end.
#ifndef REPRISE_RESULT_H
#define REPRISE_RESULT_H

#include <stdbool.h>

#include "branch.h"
#include "bytes.h"
#include "reply.h"

/// How a workflow or a handler ends. Made by the functions below.
typedef struct reprise_result {
    /// Whether it is a failure: of a workflow, that rolls every branch back.
    bool failed;
    /// Of a success.
    reprise_bytes output;
    /// Of a failure, for people: shown by the runtime's API and command line.
    const char *message;
    /// Of a failure, for programs: given back to whoever triggered the execution. May be empty.
    reprise_bytes details;
} reprise_result;

/// The workflow: defined by you. `input`: what it was triggered with, usually JSON.
reprise_result reprise_workflow(reprise_bytes input);

/// A handler that your table names.
typedef struct reprise_handler {
    /// As `reprise_on_commit_handler` and `reprise_on_rollback_handler` have it.
    const char *name;
    /// What it calls on `branch` is that branch's commit or rollback operation, repeated until it succeeds; more
    /// operations go on branches that it opens. A failure is tried again.
    reprise_result (*run)(reprise_branch branch, reprise_phase phase, reprise_bytes payload);
} reprise_handler;

/// The named handlers: defined by you if you have any. The last one is `{0}`.
extern const reprise_handler reprise_handlers[];

/// Success with an output: JSON, or any bytes.
reprise_result reprise_success(reprise_bytes output);

/// Success without an output: how handlers end.
reprise_result reprise_done(void);

/// A failure with a text for people, made as `printf` makes it.
reprise_result reprise_failure(const char *format, ...) REPRISE_PRINTF(1, 2);

/// The failure that a call without success leads to. The answer of a participant that refused becomes the details.
reprise_result reprise_failure_of(reprise_reply reply);

/// The failure, with what programs may want to know: JSON, or any bytes.
reprise_result reprise_with_details(reprise_result failure, reprise_bytes details);

/// The failure, with what it is about before the message: `e2: the participant refused`.
reprise_result reprise_about(reprise_result failure, const char *what);

#endif
