/// Branches: what is registered, what phase two does with it, and what becomes of mistakes.

#include "workflow.h"

static reprise_result undo_number(reprise_branch branch, void *context) {
    int number = *(int *)context;
    reprise_call(branch, reprise_post("bank/undo", reprise_format("{\"n\":%d}", number)));
    return number == 2 ? reprise_failure("again") : reprise_done();
}

static reprise_result registers(reprise_bytes input) {
    for (int number = 1; number <= 2; number++) {
        reprise_branch branch = reprise_open();
        reprise_on_rollback_with(branch, undo_number, &number, sizeof number);
        reprise_call(branch, reprise_post("bank/do", input));
    }
    reprise_branch named = reprise_open();
    reprise_on_rollback_handler(named, "undo", reprise_view("p"));
    reprise_on_commit(named, reprise_post("bank/confirm", REPRISE_NOTHING));
    reprise_call(named, reprise_post("bank/do", input));
    reprise_branch refused = reprise_open();
    reprise_on_rollback(refused, reprise_post("bank/never", REPRISE_NOTHING));
    reprise_reply reply = reprise_call(refused, reprise_grpc("bank", "/bank.Bank/Pay", reprise_view("m")));
    reprise_on_finish(reprise_post("bank/finish", REPRISE_NOTHING));
    return reprise_failure_of(reply);
}

static reprise_result errs_and_calls(reprise_bytes input) {
    reprise_branch branch = reprise_open();
    reprise_on_rollback_handler(branch, "undoo", REPRISE_NOTHING);
    return reprise_failure_of(reprise_call(branch, reprise_post("bank/do", input)));
}

static reprise_result errs_unseen(reprise_bytes input) {
    (void)input;
    reprise_on_commit_handler(reprise_open(), "undoo", REPRISE_NOTHING);
    return reprise_done();
}

static reprise_result writes_sql(reprise_bytes input) {
    (void)input;
    reprise_statement take = reprise_affecting(
        reprise_statement_of("UPDATE t SET a = a - ?", REPRISE_BIND(reprise_value_int(5), reprise_value_null())), 1);
    reprise_op op = reprise_sql("ledger", REPRISE_STATEMENTS(take, reprise_query("SELECT 1")));
    REPRISE_CHECK(op.parts[1].size == 2);
    const reprise_statement *first = (const void *)op.parts[1].data;
    REPRISE_CHECK(first->is_counted && first->affected == 1 && first->parameters_count == 2);
    REPRISE_CHECK_TEXT(reprise_string(first->parameters[0].of.text), "5");
    reprise_reader reply = reprise_read_reply(reprise_call(reprise_open(), op));
    REPRISE_CHECK(reprise_read_affected(&reply, 0) == 1);
    REPRISE_CHECK(reprise_read_rows(&reply, 1) == NULL);
    return reply.failure;
}

int main(void) {
    reprise_test_on("POST bank/do", 200, "{}");
    reprise_test_on("GRPC bank/bank.Bank/Pay", 409, "no");
    reprise_test_on("POST bank/undo", 409, "busy");
    REPRISE_CHECK(run(registers, "{}").failed);
    REPRISE_CHECK_TEXT(reprise_test_trace(), "01 action POST bank/do: success\n"
                                             "02 action POST bank/do: success\n"
                                             "03 action POST bank/do: success\n"
                                             "04 action GRPC bank/bank.Bank/Pay: failure\n"
                                             "03 rollback POST bank/undo: failure\n"
                                             "03 rollback failed: handler `undo`: the participant refused: busy\n"
                                             "02 rollback POST bank/undo: failure\n"
                                             "02 rollback failed: handler `#1`: again\n"
                                             "01 rollback POST bank/undo: failure\n"
                                             "00 finish POST bank/finish: success\n");
    REPRISE_CHECK_TEXT(reprise_test_body(5), "{\"n\":2}");
    REPRISE_CHECK_TEXT(reprise_test_body(6), "{\"n\":1}");

    reprise_test_reset();
    const char *unknown = "no handler `undoo`: name it in the table `reprise_handlers`";
    REPRISE_CHECK_TEXT(run(errs_and_calls, "").message, unknown);
    REPRISE_CHECK_TEXT(reprise_test_trace(), "");
    REPRISE_CHECK_TEXT(run(errs_unseen, "").message, reprise_text("branch 02: %s", unknown));

    reprise_test_reset();
    reprise_test_on("SQL ledger", 200, "[{\"affected\":1,\"rows\":[]}]");
    const char *fewer = "the reply `[{\"affected\":1,\"rows\":[]}]` is not the expected JSON: the reply has no statement "
                        "1: there were 1, counted from 0";
    REPRISE_CHECK_TEXT(run(writes_sql, "").message, fewer);
}
