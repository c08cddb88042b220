/// Time, randomness, log, and what C draws from its surroundings.

#include "scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

reprise_result sleep_(reprise_reader *input) {
    (void)input;
    reprise_sleep(1500);
    reprise_sleep(0);
    return reprise_success(reprise_view("{\"slept\":true}"));
}

reprise_result now(reprise_reader *input) {
    (void)input;
    uint64_t before = reprise_now_ms();
    reprise_reply reply = reprise_call(read_only(), reprise_get("stub/a"));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    return reprise_success(
        reprise_format("{\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}", before, reprise_now_ms()));
}

reprise_result random_(reprise_reader *input) {
    (void)input;
    uint8_t bytes[16];
    reprise_random(bytes, sizeof bytes);
    return reprise_success(reprise_format("{\"hex\":\"%s\"}", hex((reprise_bytes){bytes, sizeof bytes})));
}

static int by_address(const void *left, const void *right) {
    uintptr_t a = (uintptr_t) * (char *const *)left, b = (uintptr_t) * (char *const *)right;
    return (a > b) - (a < b);
}

/// C has no hash map: 50 texts in the order of where `malloc` put them, with sizes that chance has chosen.
static const char *order_of_addresses(void) {
    enum { KEYS = 50 };
    char *keys[KEYS];
    for (int at = 0; at < KEYS; at++) {
        keys[at] = malloc(16 + (size_t)rand() % 2000);
        sprintf(keys[at], "%d", at);
        if (rand() % 3 == 0) {
            free(malloc(64 + (size_t)rand() % 5000));
        }
    }
    qsort(keys, KEYS, sizeof *keys, by_address);
    const char *order = keys[0];
    for (int at = 1; at < KEYS; at++) {
        order = reprise_text("%s %s", order, keys[at]);
    }
    return order;
}

/// A call comes first, so that a replay goes through it too.
reprise_result entropy(reprise_reader *input) {
    (void)input;
    reprise_reply reply = reprise_call(read_only(), reprise_get("stub/a"));
    if (reply.status != REPRISE_OK) {
        return reprise_failure_of(reply);
    }
    uint8_t bytes[16];
    if (getentropy(bytes, sizeof bytes) != 0) {
        return reprise_failure("no entropy");
    }
    unsigned seed;
    memcpy(&seed, bytes, sizeof seed);
    srand(seed);
    struct timespec wall, monotonic;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    volatile double zero = 0;
    double nan = zero / zero;
    uint64_t nan_bits;
    memcpy(&nan_bits, &nan, sizeof nan_bits);
    int local;
    return reprise_success(reprise_format(
        "{\"bytes\":\"%s\",\"rand\":%d,\"number\":\"%" PRIu64 "\",\"wall\":\"%lld.%09ld\",\"monotonic\":\"%lld.%09ld\","
        "\"clock\":%lld,\"heap\":%zu,\"stack\":%zu,\"nan\":\"%" PRIx64 "\",\"order\":%s}",
        hex((reprise_bytes){bytes, sizeof bytes}), rand(), reprise_random_u64(), (long long)wall.tv_sec, wall.tv_nsec,
        (long long)monotonic.tv_sec, monotonic.tv_nsec, (long long)time(NULL), (size_t)malloc(10), (size_t)&local,
        nan_bits, reprise_quote(order_of_addresses())));
}

reprise_result log_(reprise_reader *input) {
    (void)input;
    reprise_log(REPRISE_TRACE, "t");
    reprise_log(REPRISE_DEBUG, "d");
    reprise_log(REPRISE_INFO, "i");
    reprise_log(REPRISE_WARN, "w");
    reprise_log(REPRISE_ERROR, "e");
    puts("out");
    fputs("err\n", stderr);
    return reprise_success(reprise_view("{\"logged\":5}"));
}
