/// Options as the runtime gets them.

#include "workflow.h"

static reprise_result sets_all(reprise_bytes input) {
    (void)input;
    reprise_open_with((reprise_options){
        .timeout_ms = 1500,
        .deadline_ms = 1000,
        .attempts = 3,
        .initial_ms = 10,
        .factor = 2,
        .max_ms = 1000,
        .jitter = 0.5,
        .ongoing_ms = 200,
        .headers = (reprise_header[]){{"a", "b\"ü"}, {0}},
        .meanings = (reprise_meaning[]){{.http = "404", .outcome = REPRISE_OUTCOME_FAILURE},
                                        {.grpc = "NOT_FOUND", .outcome = REPRISE_OUTCOME_UNKNOWN},
                                        {.header = "x-declined", .outcome = REPRISE_OUTCOME_FAILURE},
                                        {.header = "x-state", .equals = "later", .outcome = REPRISE_OUTCOME_ONGOING},
                                        {.body = "/error", .outcome = REPRISE_OUTCOME_UNKNOWN},
                                        {.body = "/code", .equals = "7", .outcome = REPRISE_OUTCOME_FAILURE},
                                        {0}},
        .ignore_dtm_result = true,
        .idempotency_key = "k-1",
        .compensate_failed = true,
        .effect = REPRISE_PIVOT,
        .full_answer = true,
    });
    reprise_open_with((reprise_options){.jitter = REPRISE_NO_JITTER, .effect = REPRISE_READ_ONLY});
    reprise_open_with((reprise_options){0});
    return reprise_done();
}

static reprise_result errs(reprise_bytes input) {
    (void)input;
    reprise_meaning wrong = {.body = "/code", .equals = "later", .outcome = REPRISE_OUTCOME_FAILURE};
    reprise_branch branch = reprise_open_with((reprise_options){.meanings = (reprise_meaning[]){wrong, {0}}});
    reprise_reply reply = reprise_call(branch, reprise_get("bank"));
    REPRISE_CHECK(reply.status == REPRISE_INVALID);
    REPRISE_CHECK_TEXT(reply.error, "the value `later` of the meaning of `/code` is no JSON");
    reprise_open_with((reprise_options){.headers = (reprise_header[]){{"a", "\xff"}, {0}}});
    return reprise_done();
}

int main(void) {
    REPRISE_CHECK(!run(sets_all, "").failed);
    REPRISE_CHECK_TEXT(reprise_test_options(1),
                       "{\"timeout_ms\":1500,\"deadline_ms\":1000,\"retry\":{\"initial_ms\":10,\"factor\":2.0,"
                       "\"max_ms\":1000,\"attempts\":3,\"jitter\":0.5},\"ongoing_ms\":200,\"headers\":{\"a\":\"b\\\"ü\"},"
                       "\"outcome_map\":{\"http\":{\"404\":\"failure\"},\"grpc\":{\"NOT_FOUND\":\"unknown\"},"
                       "\"matches\":[{\"header\":\"x-declined\",\"outcome\":\"failure\"},"
                       "{\"header\":\"x-state\",\"equals\":\"later\",\"outcome\":\"ongoing\"},"
                       "{\"body\":\"/error\",\"outcome\":\"unknown\"},"
                       "{\"body\":\"/code\",\"equals\":7,\"outcome\":\"failure\"}],\"dtm_result\":false},"
                       "\"idempotency_key\":\"k-1\",\"compensate_failed\":true,\"effect\":\"pivot\",\"answer\":\"full\"}");
    REPRISE_CHECK_TEXT(reprise_test_options(2), "{\"retry\":{\"jitter\":0.0},\"effect\":\"read-only\"}");
    REPRISE_CHECK_TEXT(reprise_test_options(3), "");

    reprise_result failure = run(errs, "");
    REPRISE_CHECK(failure.failed && strstr(failure.message, "the options have no JSON form: ") != NULL);
}
