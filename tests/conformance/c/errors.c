/// What goes wrong.

#include "scenarios.h"

#include <stdio.h>
#include <stdlib.h>

static reprise_reply call_a(void) {
    return reprise_call(with_undo("a", number(1)), reprise_post("stub/a", number(1)));
}

reprise_result refused(reprise_reader *input) {
    (void)input;
    reprise_reply reply = call_a();
    if (reply.status != REPRISE_REFUSED) {
        return reprise_failure("the call was not refused");
    }
    return reprise_success(reprise_format("{\"refused\":%s}", reprise_quote(reprise_reply_text(reply))));
}

reprise_result attempts(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open_with((reprise_options){.effect = REPRISE_READ_ONLY, .attempts = 3});
    return error_of(reprise_call(branch, reprise_get("stub/down")));
}

reprise_result deadline(reprise_reader *input) {
    (void)input;
    reprise_branch branch = reprise_open_with((reprise_options){.effect = REPRISE_READ_ONLY, .deadline_ms = 60000});
    return error_of(reprise_call(branch, reprise_get("stub/down")));
}

reprise_result cancel(reprise_reader *input) {
    (void)input;
    reprise_pending slow = reprise_start(read_only(), reprise_get("stub/slow"));
    reprise_cancel(slow);
    return error_of(reprise_take(slow));
}

reprise_result invalid(reprise_reader *input) {
    (void)input;
    return error_of(reprise_call(reprise_open(), reprise_post("stub/a", number(1))));
}

reprise_result failure(reprise_reader *input) {
    (void)input;
    reprise_reply reply = call_a();
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    return reprise_with_details(reprise_failure("no stock"), reprise_view("{\"sku\":7}"));
}

reprise_result trap(reprise_reader *input) {
    (void)input;
    reprise_call(read_only(), reprise_get("stub/a"));
    fputs("boom in scenario\n", stderr);
    abort();
}

reprise_result bad_input(reprise_reader *input) {
    double amount = reprise_read_real(input, "amount");
    return input->failed ? input->failure : reprise_success(reprise_format("{\"amount\":%.17g}", amount));
}
