/// Calls: what their results are, and in which order they come.

#include "workflow.h"

#include <reprise/json.h>

static reprise_result joins(reprise_bytes input) {
    (void)input;
    reprise_pending both[] = {reprise_start(reprise_open(), reprise_get("bank/slow")),
                              reprise_start(reprise_open(), reprise_get("bank/fast"))};
    REPRISE_CHECK(reprise_wait_any(both, 2) == 1);
    reprise_reply replies[2];
    reprise_join(both, 2, replies);
    return reprise_success(reprise_format("%s %s", reprise_reply_text(replies[0]), reprise_reply_text(replies[1])));
}

static reprise_result races(reprise_bytes input) {
    (void)input;
    reprise_reply reply;
    reprise_pending slow = reprise_start(reprise_open(), reprise_get("bank/slow"));
    REPRISE_CHECK(!reprise_within(500, slow, &reply));
    REPRISE_CHECK(reprise_take(slow).status == REPRISE_CANCELED);
    REPRISE_CHECK(reprise_within(500, reprise_start(reprise_open(), reprise_get("bank/fast")), &reply));
    return reprise_success(reply.body);
}

static reprise_result ends(reprise_bytes input) {
    (void)input;
    reprise_reply refused = reprise_call(reprise_open(), reprise_post("bank/no", REPRISE_NOTHING));
    REPRISE_CHECK(refused.status == REPRISE_REFUSED && refused.code == 409);
    REPRISE_CHECK_TEXT(refused.error, "the participant refused: too small");
    reprise_reply down = reprise_call(reprise_open(), reprise_get("bank/down"));
    REPRISE_CHECK(down.status == REPRISE_EXHAUSTED);
    REPRISE_CHECK_TEXT(down.error, "no success within the allowed attempts: connection refused");
    reprise_reply nobody = reprise_call(reprise_open(), reprise_get("bank/nobody"));
    REPRISE_CHECK(nobody.status == REPRISE_INVALID && nobody.headers_count == 0);
    REPRISE_CHECK(reprise_reply_header_text(nobody, "x") == NULL);
    REPRISE_CHECK_TEXT(reprise_status_name(nobody.status), "invalid");
    return reprise_failure_of(refused);
}

static reprise_result sleeps(reprise_bytes input) {
    (void)input;
    uint64_t before = reprise_now_ms();
    reprise_sleep(1500);
    REPRISE_CHECK(reprise_now_ms() - before == 1500);
    REPRISE_CHECK(reprise_random_u64() != reprise_random_u64());
    uint8_t many[200000] = {0};
    reprise_random(many, sizeof many);
    REPRISE_CHECK(many[199999] != 0 || many[199998] != 0);
    reprise_log(REPRISE_WARN, "slept %s", "\xff");
    return reprise_done();
}

int main(void) {
    reprise_test_after(1000, "GET bank/slow", 200, "slow");
    reprise_test_after(10, "GET bank/fast", 200, "fast");
    reprise_test_on("POST bank/no", 409, "too small");
    reprise_test_on("GET bank/down", 0, "connection refused");

    REPRISE_CHECK_TEXT(reprise_string(run(joins, "").output), "slow fast");
    REPRISE_CHECK(reprise_test_elapsed_ms() == 1000);
    REPRISE_CHECK_TEXT(reprise_string(run(races, "").output), "fast");
    reprise_result refused = run(ends, "");
    REPRISE_CHECK_TEXT(refused.message, "the participant refused: too small");
    REPRISE_CHECK_TEXT(reprise_string(refused.details), "too small");
    REPRISE_CHECK(!run(sleeps, "").failed);
    REPRISE_CHECK_TEXT(reprise_test_log(), "warn slept \xef\xbf\xbd\n");
}
