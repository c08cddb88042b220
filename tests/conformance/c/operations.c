/// What is sent and what comes back.

#include "scenarios.h"

#include <string.h>

reprise_result big(reprise_reader *input) {
    (void)input;
    enum { SIZE = 1000000 };
    reprise_branch branch = with_undo("big", number(1));
    uint8_t *body = reprise_alloc(SIZE);
    for (int at = 0; at < SIZE; at++) {
        body[at] = (uint8_t)(at % 251);
    }
    reprise_reply reply = reprise_call(branch, reprise_post("stub/big", (reprise_bytes){body, SIZE}));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    uint64_t sum = 0;
    for (size_t at = 0; at < reply.body.size; at++) {
        sum += reply.body.data[at];
    }
    return reprise_success(reprise_format("{\"bytes\":%zu,\"sum\":%" PRIu64 "}", reply.body.size, sum));
}

/// The body of a reply as the output, or its failure.
static reprise_result as_it_is(reprise_reply reply) {
    return reply.status == REPRISE_OK ? reprise_success(reply.body) : reprise_failure_of(reply);
}

reprise_result empty(reprise_reader *input) {
    (void)input;
    return as_it_is(reprise_call(read_only(), reprise_post("stub/empty", REPRISE_NOTHING)));
}

reprise_result unicode(reprise_reader *input) {
    (void)input;
    reprise_bytes text = reprise_view("Grüße, 世界 🌍 \"\\\"");
    reprise_reply reply = reprise_call(read_only(), reprise_post("stub/text", text));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    return reprise_success(reprise_format("{\"text\":%s}", reprise_quote(reprise_reply_text(reply))));
}

reprise_result options(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open_with((reprise_options){
        .timeout_ms = 1500,
        .deadline_ms = 60000,
        .initial_ms = 10,
        .factor = 2,
        .max_ms = 1000,
        .attempts = 5,
        .jitter = 0.5,
        .ongoing_ms = 200,
        .headers = (reprise_header[]){{"x-a", "1"}, {"x-b", "2"}, {0}},
        .idempotency_key = "k-1",
        .meanings = (reprise_meaning[]){{.http = "404", .outcome = REPRISE_OUTCOME_FAILURE}, {0}},
        .effect = REPRISE_READ_ONLY,
    });
    reprise_reader reply = reprise_read_reply(reprise_call(branch, reprise_get("stub/a")));
    int64_t n = n_of(&reply);
    return reply.failed ? reply.failure : reprise_success(number(n));
}

reprise_result full(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open_with((reprise_options){.effect = REPRISE_READ_ONLY, .full_answer = true});
    reprise_reply reply = reprise_call(branch, reprise_get("stub/full"));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    const char *kind = reprise_reply_header_text(reply, "x-kind");
    return reprise_success(reprise_format("{\"status\":%d,\"header\":%s}", reply.code, reprise_quote(kind)));
}

static reprise_result done_if(reprise_reply reply) {
    return reply.status == REPRISE_OK ? reprise_success(reprise_view("{\"done\":true}")) : reprise_failure_of(reply);
}

reprise_result sql(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open();
    reprise_on_rollback(branch, reprise_sql("ledger", REPRISE_STATEMENTS(reprise_query("UPDATE t SET a = 0"))));
    reprise_statement update = reprise_statement_of(
        "UPDATE t SET a = ?, b = ?, c = ?, d = ?, e = ?, f = ?",
        REPRISE_BIND(reprise_value_null(), reprise_value_bool(true), reprise_value_int(9007199254740993),
                     reprise_value_real(1.5), reprise_value_text("text"),
                     reprise_value_bytes((reprise_bytes){(const uint8_t[]){0x00, 0xff}, 2})));
    reprise_op action = reprise_sql("ledger", REPRISE_STATEMENTS(reprise_affecting(update, 1)));
    return done_if(reprise_call(branch, action));
}

reprise_result xa(reprise_reader *input) {
    (void)input;
    reprise_statement update = reprise_statement_of("UPDATE t SET a = a - ?", REPRISE_BIND(reprise_value_int(5)));
    reprise_op action = reprise_xa("ledger", REPRISE_STATEMENTS(reprise_affecting(update, 1)));
    return done_if(reprise_call(reprise_open(), action));
}

reprise_result grpc(reprise_reader *input) {
    (void)input;
    reprise_bytes message = {(const uint8_t[]){0x08, 0x01}, 2};
    reprise_branch branch = reprise_open();
    reprise_on_rollback(branch, reprise_grpc("stub", "bank.Bank/Revert", message));
    reprise_reply reply = reprise_call(branch, reprise_grpc("stub", "bank.Bank/Pay", message));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    return reprise_success(reprise_format("{\"hex\":\"%s\"}", hex(reply.body)));
}
