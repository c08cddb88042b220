/// What came of a call.
#ifndef REPRISE_REPLY_H
#define REPRISE_REPLY_H

#include "bytes.h"

/// How a call ended. Each of these is recorded, so a replay sees the same.
typedef enum reprise_status {
    /// It succeeded.
    REPRISE_OK,
    /// The participant refused (HTTP 409, gRPC ABORTED, or what the options say); `body` is its answer. A database says
    /// in JSON what it refused: `{"message": "..", "statement": 1}`, with statements counted from 1.
    REPRISE_REFUSED,
    /// The allowed attempts are used up. Whether the participant acted is unknown.
    REPRISE_EXHAUSTED,
    /// The deadline of the branch has passed. Whether the participant acted is unknown.
    REPRISE_DEADLINE,
    /// The call was given up first. Whether the participant acted is unknown.
    REPRISE_CANCELED,
    /// The operation can't be performed as it stands, or a mistake was made earlier on its branch: what to do about it
    /// is in `error`. Nothing was sent.
    REPRISE_INVALID,
} reprise_status;

/// A header of an answer, or an item of gRPC metadata.
typedef struct reprise_reply_header {
    /// In lower case.
    reprise_bytes name;
    reprise_bytes value;
} reprise_reply_header;

/// What came of a call.
typedef struct reprise_reply {
    /// How it ended.
    reprise_status status;
    /// HTTP status or gRPC code; 0 from a database, and where there was no answer.
    uint16_t code;
    /// Response body, encoded response message, or the rows of SQL statements as JSON; of a refusal too.
    reprise_bytes body;
    /// Empty unless the branch's options ask for the full answer.
    const reprise_reply_header *headers;
    size_t headers_count;
    /// For people: why it did not succeed. NULL if it did.
    const char *error;
} reprise_reply;

/// The body as a text; see `reprise_string`.
const char *reprise_reply_text(reprise_reply reply);

/// A header of the full answer as a text, whatever the case of its name. NULL: there is none.
const char *reprise_reply_header_text(reprise_reply reply, const char *name);

/// How the status is called: `ok`, `refused`, `exhausted`, `deadline`, `canceled`, `invalid`.
const char *reprise_status_name(reprise_status status);

#endif
