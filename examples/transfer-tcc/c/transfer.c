/// Money from one account to another as a TCC: both banks try at once, then both confirm or both cancel.
///
/// Input `{"from": "alice", "to": "bob", "amount": 30}`, output the balances that the tries saw, before the money moves:
/// `{"from_balance": 100, "to_balance": 0}`. The participant `bank` is `examples/bank`, or whatever the runtime's
/// configuration calls so. A try reserves the money, so nobody can spend it before all is settled; when a try is refused
/// (409), the runtime cancels the other one.

#include <inttypes.h>
#include <reprise.h>

/// What the bank is asked to do.
static reprise_bytes posting(const char *account, int64_t amount) {
    return reprise_format("{\"account\":%s,\"amount\":%" PRId64 "}", reprise_quote(account), amount);
}

/// Tries both halves at once; confirming and cancelling is left to the runtime.
reprise_result reprise_workflow(reprise_bytes input) {
    reprise_reader order = reprise_read_input(input);
    const char *from = reprise_read_text(&order, "from"), *to = reprise_read_text(&order, "to");
    int64_t amount = reprise_read_int(&order, "amount");
    if (order.failed) {
        return order.failure;
    }
    reprise_bytes taken = posting(from, amount), given = posting(to, amount);

    reprise_branch out = reprise_open();
    reprise_on_commit(out, reprise_post("bank/transfer-out/confirm", taken));
    reprise_on_rollback(out, reprise_post("bank/transfer-out/cancel", taken));
    reprise_branch into = reprise_open();
    reprise_on_commit(into, reprise_post("bank/transfer-in/confirm", given));
    reprise_on_rollback(into, reprise_post("bank/transfer-in/cancel", given));

    reprise_pending tries[] = {
        reprise_start(out, reprise_post("bank/transfer-out/try", taken)),
        reprise_start(into, reprise_post("bank/transfer-in/try", given)),
    };
    reprise_reply replies[2];
    reprise_join(tries, 2, replies);

    reprise_reader paid = reprise_read_reply(replies[0]), received = reprise_read_reply(replies[1]);
    int64_t from_balance = reprise_read_int(&paid, "balance"), to_balance = reprise_read_int(&received, "balance");
    if (paid.failed || received.failed) {
        return paid.failed ? paid.failure : received.failure;
    }

    return reprise_success(
        reprise_format("{\"from_balance\":%" PRId64 ",\"to_balance\":%" PRId64 "}", from_balance, to_balance));
}
