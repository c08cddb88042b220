/// The workflow under test, and its handlers.

#include "workflow.h"

static reprise_result (*current)(reprise_bytes input);

reprise_result reprise_workflow(reprise_bytes input) { return current(input); }

reprise_result run(reprise_result (*workflow)(reprise_bytes input), const char *input) {
    current = workflow;
    return reprise_test_run(input);
}

static reprise_result undo(reprise_branch branch, reprise_phase phase, reprise_bytes payload) {
    reprise_reply undone = reprise_call(branch, reprise_post("bank/undo", payload));
    REPRISE_CHECK(phase == REPRISE_ROLLBACK);
    return undone.status == REPRISE_OK ? reprise_done() : reprise_failure_of(undone);
}

const reprise_handler reprise_handlers[] = {{"undo", undo}, {0}};
