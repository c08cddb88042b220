/// Handlers and closures.

#include "scenarios.h"

/// Calls `POST stub/PATH` on the branch of a handler.
static reprise_result post(reprise_branch branch, const char *path, reprise_bytes body) {
    reprise_reply reply = reprise_call(branch, reprise_post(reprise_text("stub/%s", path), body));
    return reply.status == REPRISE_OK ? reprise_done() : reprise_failure_of(reply);
}

static reprise_result undo(reprise_branch branch, reprise_phase phase, reprise_bytes payload) {
    (void)phase;
    return post(branch, "undo", payload);
}

static reprise_result confirm(reprise_branch branch, reprise_phase phase, reprise_bytes payload) {
    (void)phase;
    return post(branch, "confirm", payload);
}

static reprise_result stubborn(reprise_branch branch, reprise_phase phase, reprise_bytes payload) {
    (void)phase, (void)payload;
    reprise_reader reply = reprise_read_reply(reprise_call(branch, reprise_post("stub/undo", reprise_view("{}"))));
    bool again = !reply.failed && reprise_has(&reply, "again") && reprise_read_bool(&reply, "again");
    return reply.failed ? reply.failure : again ? reprise_failure("again") : reprise_done();
}

const reprise_handler reprise_handlers[] = {{"undo", undo}, {"confirm", confirm}, {"stubborn", stubborn}, {0}};

static const char *const ON_PURPOSE = "on purpose";

reprise_result handlers(reprise_reader *input) {
    (void)input;
    for (int i = 1; i <= 3; i++) {
        reprise_branch branch = reprise_open();
        reprise_on_rollback_handler(branch, "undo", number(i));
        reprise_reply reply = reprise_call(branch, reprise_post("stub/a", number(i)));
        if (reply.status != REPRISE_OK) {
            return reprise_failure_of(reply);
        }
    }
    return reprise_failure("%s", ON_PURPOSE);
}

reprise_result commit_handlers(reprise_reader *input) {
    (void)input;
    for (int i = 1; i <= 3; i++) {
        reprise_branch branch = reprise_open();
        reprise_on_commit_handler(branch, "confirm", number(i));
        reprise_on_rollback(branch, reprise_post("stub/a/undo", number(i)));
        reprise_reply reply = reprise_call(branch, reprise_post("stub/a", number(i)));
        if (reply.status != REPRISE_OK) {
            return reprise_failure_of(reply);
        }
    }
    return reprise_success(reprise_view("{\"done\":3}"));
}

reprise_result handler_fails(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open();
    reprise_on_rollback_handler(branch, "stubborn", REPRISE_NOTHING);
    reprise_reply reply = reprise_call(branch, reprise_post("stub/a", number(1)));
    return reply.status == REPRISE_OK ? reprise_failure("%s", ON_PURPOSE) : reprise_failure_of(reply);
}

static reprise_result undo_captured(reprise_branch branch, void *context) {
    return post(branch, "undo", number(*(int *)context));
}

reprise_result closures(reprise_reader *input) {
    (void)input;
    for (int i = 1; i <= 3; i++) {
        reprise_branch branch = reprise_open();
        reprise_on_rollback_with(branch, undo_captured, &i, sizeof i);
        reprise_reply reply = reprise_call(branch, reprise_post("stub/a", number(i)));
        if (reply.status != REPRISE_OK) {
            return reprise_failure_of(reply);
        }
    }
    return reprise_failure("%s", ON_PURPOSE);
}
