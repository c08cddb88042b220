/// Options of a branch: how long, how often, with which headers, what answers mean.
#ifndef REPRISE_OPTIONS_H
#define REPRISE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/// What a call does to the world.
typedef enum reprise_effect {
    /// Something: an action has its undo registered before it.
    REPRISE_CHANGES,
    /// Nothing, so there is nothing to undo.
    REPRISE_READ_ONLY,
    /// There is no way back from it. When it has succeeded the transaction can't fail any more: what follows is
    /// repeated until it succeeds, and the workflow has to succeed.
    REPRISE_PIVOT,
} reprise_effect;

/// What an answer means.
typedef enum reprise_outcome {
    /// Done.
    REPRISE_OUTCOME_SUCCESS,
    /// Refused for good.
    REPRISE_OUTCOME_FAILURE,
    /// Not yet done; asked again at a fixed interval.
    REPRISE_OUTCOME_ONGOING,
    /// Nobody knows; tried again with growing pauses.
    REPRISE_OUTCOME_UNKNOWN,
} reprise_outcome;

/// What an answer means where a service has conventions of its own: one of `http`, `grpc`, `header` and `body` is set.
///
/// Looks at headers and bodies come before all else, and the first that fits decides; then statuses, of which the
/// narrowest range wins; then the conventions.
typedef struct reprise_meaning {
    /// An HTTP status, `"404"`, or a range of them, `"500-599"`.
    const char *http;
    /// A gRPC status by its name, `"NOT_FOUND"`.
    const char *grpc;
    /// The answer has this header (gRPC: metadata).
    const char *header;
    /// The JSON body has something at this JSON pointer (RFC 6901), `"/error/code"`.
    const char *body;
    /// The value: of the header, as text; of the body, as JSON, `"7"` or `"\"later\""`. NULL: whatever it is.
    const char *equals;
    /// What it means.
    reprise_outcome outcome;
} reprise_meaning;

/// A header (gRPC: metadata) to send.
typedef struct reprise_header {
    const char *name;
    const char *value;
} reprise_header;

/// No chance in pauses, see `reprise_options.jitter`.
#define REPRISE_NO_JITTER (-1.0)

/// Options of a branch. What is zero stays as it is: the runtime's default, or what was set before.
///
///     reprise_set_options(branch, (reprise_options){
///         .timeout_ms = 2000,
///         .attempts = 5,
///         .headers = (reprise_header[]){{"x-tenant", "acme"}, {0}},
///         .meanings = (reprise_meaning[]){{.http = "404", .outcome = REPRISE_OUTCOME_FAILURE}, {0}},
///     });
typedef struct reprise_options {
    /// Longest time of one attempt.
    uint32_t timeout_ms;
    /// Longest time of all attempts together; then the call ends as `REPRISE_DEADLINE`.
    uint32_t deadline_ms;
    /// Most attempts; then the call ends as `REPRISE_EXHAUSTED`.
    uint32_t attempts;
    /// Pause after the first attempt.
    uint32_t initial_ms;
    /// Growth of the pause from one attempt to the next.
    double factor;
    /// Longest pause.
    uint32_t max_ms;
    /// Share of a pause that chance takes off, up to 1.0, so that calls don't come back all at once;
    /// `REPRISE_NO_JITTER`: none.
    double jitter;
    /// Pause after an answer "ongoing".
    uint32_t ongoing_ms;
    /// Headers to send; the last one is `{0}`.
    const reprise_header *headers;
    /// What answers mean; the last one is `{0}`.
    const reprise_meaning *meanings;
    /// Don't read an outcome out of a body `{"dtm_result": "FAILURE"}`.
    bool ignore_dtm_result;
    /// Sent as `idempotency-key`.
    const char *idempotency_key;
    /// Roll the branch back also when its action was refused.
    bool compensate_failed;
    /// What the call does to the world.
    reprise_effect effect;
    /// The reply has the answer's headers too. They are recorded, so ask for them where they are needed.
    bool full_answer;
} reprise_options;

#endif
