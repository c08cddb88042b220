/// The scenarios of SCENARIOS.md, by name.

#include "scenarios.h"

#include <string.h>

static const struct {
    const char *name;
    scenario *run;
} SCENARIOS[] = {
    {"saga", saga},
    {"tcc", tcc},
    {"fan-out", fan_out},
    {"refused", refused},
    {"attempts", attempts},
    {"deadline", deadline},
    {"cancel", cancel},
    {"invalid", invalid},
    {"failure", failure},
    {"sleep", sleep_},
    {"race", race},
    {"now", now},
    {"random", random_},
    {"entropy", entropy},
    {"big", big},
    {"empty", empty},
    {"unicode", unicode},
    {"options", options},
    {"full", full},
    {"handlers", handlers},
    {"commit-handlers", commit_handlers},
    {"handler-fails", handler_fails},
    {"closures", closures},
    {"finish", finish},
    {"sql", sql},
    {"xa", xa},
    {"grpc", grpc},
    {"log", log_},
    {"trap", trap},
    {"many", many},
    {"many-tasks", many_tasks},
    {"bad-input", bad_input},
};

reprise_result reprise_workflow(reprise_bytes bytes) {
    reprise_reader input = reprise_read_input(bytes);
    const char *name = reprise_read_text(&input, "scenario");
    if (input.failed) {
        return input.failure;
    }
    for (size_t at = 0; at < sizeof SCENARIOS / sizeof *SCENARIOS; at++) {
        if (strcmp(SCENARIOS[at].name, name) == 0) {
            return SCENARIOS[at].run(&input);
        }
    }
    return reprise_failure("unknown scenario");
}

reprise_bytes number(int64_t n) { return reprise_format("{\"n\":%" PRId64 "}", n); }

reprise_branch read_only(void) { return reprise_open_with((reprise_options){.effect = REPRISE_READ_ONLY}); }

reprise_branch with_undo(const char *path, reprise_bytes body) {
    reprise_branch branch = reprise_open();
    reprise_on_rollback(branch, reprise_post(reprise_text("stub/%s/undo", path), body));
    return branch;
}

int64_t n_of(reprise_reader *reply) { return reprise_read_int(reply, "n"); }

const char *hex(reprise_bytes bytes) {
    char *digits = reprise_alloc(bytes.size * 2 + 1);
    for (size_t at = 0; at < bytes.size; at++) {
        static const char DIGITS[] = "0123456789abcdef";
        digits[at * 2] = DIGITS[bytes.data[at] >> 4];
        digits[at * 2 + 1] = DIGITS[bytes.data[at] & 15];
    }
    return digits;
}

reprise_result error_of(reprise_reply reply) {
    return reprise_success(reprise_format("{\"error\":%s}", reprise_quote(reprise_status_name(reply.status))));
}
