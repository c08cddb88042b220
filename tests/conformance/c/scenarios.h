/// What the scenarios share. Each is a function of the input, listed in `scenarios.c`.
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <inttypes.h>
#include <reprise.h>

typedef reprise_result scenario(reprise_reader *input);

scenario saga, tcc, finish;
scenario fan_out, race, many, many_tasks;
scenario refused, attempts, deadline, cancel, invalid, failure, trap, bad_input;
scenario big, empty, unicode, options, full, sql, xa, grpc;
scenario handlers, commit_handlers, handler_fails, closures;
scenario sleep_, now, random_, entropy, log_;

/// `{"n":1}` and the like.
reprise_bytes number(int64_t n);

/// Opens a branch that changes nothing.
reprise_branch read_only(void);

/// Opens a branch whose undo is `POST stub/PATH/undo` with the action's body.
reprise_branch with_undo(const char *path, reprise_bytes body);

/// The number `n` of a reply.
int64_t n_of(reprise_reader *reply);

/// The bytes as hexadecimal digits.
const char *hex(reprise_bytes bytes);

/// `{"error":"NAME"}` of a call without success.
reprise_result error_of(reprise_reply reply);

#endif
