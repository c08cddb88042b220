/// Several things at once.

#include "scenarios.h"

/// A branch that tries `POST stub/PATH/try`, and confirms or cancels.
static reprise_pending try_on(const char *path, reprise_branch branch, reprise_bytes body) {
    return reprise_start(branch, reprise_post(reprise_text("stub/%s/try", path), body));
}

static reprise_branch tcc_branch(const char *path, reprise_bytes body) {
    reprise_branch branch = reprise_open();
    reprise_on_commit(branch, reprise_post(reprise_text("stub/%s/confirm", path), body));
    reprise_on_rollback(branch, reprise_post(reprise_text("stub/%s/cancel", path), body));
    return branch;
}

reprise_result tcc(reprise_reader *input) {
    (void)input;
    reprise_branch first = tcc_branch("a", number(1)), second = tcc_branch("b", number(2));
    reprise_pending tries[] = {try_on("a", first, number(1)), try_on("b", second, number(2))};
    reprise_reply replies[2];
    reprise_join(tries, 2, replies);
    reprise_reader a = reprise_read_reply(replies[0]), b = reprise_read_reply(replies[1]);
    int64_t n = n_of(&a), m = n_of(&b);
    if (a.failed || b.failed) {
        return a.failed ? a.failure : b.failure;
    }
    return reprise_success(reprise_format("{\"a\":%" PRId64 ",\"b\":%" PRId64 "}", n, m));
}

static reprise_pending get(const char *path, int i) {
    return reprise_start(read_only(), reprise_get(reprise_text("stub/%s%d", path, i)));
}

/// Takes `at` out of the list.
static void drop(reprise_pending *pending, int *tasks, size_t at, size_t *count) {
    for ((*count)--; at < *count; at++) {
        pending[at] = pending[at + 1], tasks[at] = tasks[at + 1];
    }
}

reprise_result fan_out(reprise_reader *input) {
    (void)input;
    enum { TASKS = 4 };
    reprise_pending pending[TASKS];
    int tasks[TASKS], steps[TASKS + 1] = {0};
    const char *order = "";
    size_t count = TASKS;
    for (int i = 1; i <= TASKS; i++) {
        tasks[i - 1] = i;
        pending[i - 1] = get("w/", i);
    }
    while (count > 0) {
        size_t at = reprise_wait_any(pending, count);
        int task = tasks[at];
        reprise_reply reply = reprise_take(pending[at]);
        if (reply.status != REPRISE_OK) {
            return reprise_failure_of(reply);
        }
        if (++steps[task] == 1) {
            pending[at] = get("x/", task);
        } else {
            order = reprise_text("%s%s%d", order, *order == 0 ? "" : ",", task);
            drop(pending, tasks, at, &count);
        }
    }
    return reprise_success(reprise_format("{\"order\":[%s]}", order));
}

reprise_result race(reprise_reader *input) {
    (void)input;
    reprise_pending both[] = {reprise_start(read_only(), reprise_get("stub/fast")), reprise_timer(10000)};
    reprise_reply reply;
    size_t winner = reprise_race(both, 2, &reply);
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    return reprise_success(reprise_format("{\"winner\":\"%s\"}", winner == 0 ? "call" : "timer"));
}

static reprise_result sum_of(int64_t sum) { return reprise_success(reprise_format("{\"sum\":%" PRId64 "}", sum)); }

reprise_result many(reprise_reader *input) {
    int64_t count = reprise_read_int(input, "count"), sum = 0;
    for (int i = 1; i <= count; i++) {
        reprise_memory before = reprise_mark();
        reprise_reader reply = reprise_read_reply(reprise_take(get("", i)));
        sum += n_of(&reply);
        if (reply.failed) {
            return reply.failure;
        }
        reprise_release(before);
    }
    return input->failed ? input->failure : sum_of(sum);
}

reprise_result many_tasks(reprise_reader *input) {
    int64_t count = reprise_read_int(input, "count"), sum = 0;
    reprise_pending *tasks = reprise_alloc((size_t)count * sizeof *tasks);
    reprise_reply *replies = reprise_alloc((size_t)count * sizeof *replies);
    for (int i = 1; i <= count; i++) {
        tasks[i - 1] = get("", i);
    }
    reprise_join(tasks, (size_t)count, replies);
    for (int i = 0; i < count; i++) {
        reprise_reader reply = reprise_read_reply(replies[i]);
        sum += n_of(&reply);
        if (reply.failed) {
            return reply.failure;
        }
    }
    return input->failed ? input->failure : sum_of(sum);
}
