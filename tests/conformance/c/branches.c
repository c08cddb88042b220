/// Branches one after the other.

#include "scenarios.h"

reprise_result saga(reprise_reader *input) {
    (void)input;
    reprise_branch first = with_undo("a", number(1));
    reprise_reader a = reprise_read_reply(reprise_call(first, reprise_post("stub/a", number(1))));
    int64_t n = n_of(&a);
    if (a.failed) {
        return a.failure;
    }
    reprise_branch second = with_undo("b", number(2));
    reprise_reader b = reprise_read_reply(reprise_call(second, reprise_post("stub/b", number(2))));
    int64_t m = n_of(&b);
    if (b.failed) {
        return b.failure;
    }
    return reprise_success(reprise_format("{\"a\":%" PRId64 ",\"b\":%" PRId64 "}", n, m));
}

reprise_result finish(reprise_reader *input) {
    (void)input;
    reprise_on_finish(reprise_post("stub/finish", number(1)));
    reprise_branch branch = with_undo("a", number(1));
    reprise_reader a = reprise_read_reply(reprise_call(branch, reprise_post("stub/a", number(1))));
    int64_t n = n_of(&a);
    return a.failed ? a.failure : reprise_success(reprise_format("{\"a\":%" PRId64 "}", n));
}
