/// Money from one account to another as a SAGA: each step takes effect at once, and its undo is registered before it.
///
/// Input `{"from": "alice", "to": "bob", "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The
/// participant `bank` is `examples/bank`, or whatever the runtime's configuration calls so. When it refuses a step (409:
/// unknown account, too little money), the workflow ends with that refusal and the runtime undoes the step before.

#include <inttypes.h>
#include <reprise.h>

/// What the bank is asked to do.
static reprise_bytes posting(const char *account, int64_t amount) {
    return reprise_format("{\"account\":%s,\"amount\":%" PRId64 "}", reprise_quote(account), amount);
}

/// Takes the money out, then puts it in.
reprise_result reprise_workflow(reprise_bytes input) {
    reprise_reader order = reprise_read_input(input);
    const char *from = reprise_read_text(&order, "from"), *to = reprise_read_text(&order, "to");
    int64_t amount = reprise_read_int(&order, "amount");
    if (order.failed) {
        return order.failure;
    }
    reprise_bytes taken = posting(from, amount), given = posting(to, amount);

    reprise_branch out = reprise_open();
    reprise_on_rollback(out, reprise_post("bank/transfer-out/revert", taken));
    reprise_reader paid = reprise_read_reply(reprise_call(out, reprise_post("bank/transfer-out", taken)));
    int64_t from_balance = reprise_read_int(&paid, "balance");
    if (paid.failed) {
        return paid.failure;
    }

    reprise_branch into = reprise_open();
    reprise_on_rollback(into, reprise_post("bank/transfer-in/revert", given));
    reprise_reader received = reprise_read_reply(reprise_call(into, reprise_post("bank/transfer-in", given)));
    int64_t to_balance = reprise_read_int(&received, "balance");
    if (received.failed) {
        return received.failure;
    }

    return reprise_success(
        reprise_format("{\"from_balance\":%" PRId64 ",\"to_balance\":%" PRId64 "}", from_balance, to_balance));
}
