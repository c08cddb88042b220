/// Texts, memory, JSON.

#include "workflow.h"

#include <reprise/json.h>
#include <yyjson.h>

static void texts(void) {
    REPRISE_CHECK_TEXT(reprise_text("%d %s", 7, "x"), "7 x");
    REPRISE_CHECK(reprise_view(NULL).size == 0 && reprise_format("ü").size == 2);
    // As `String::from_utf8_lossy` has it: one replacement for each part that can't go on.
    struct {
        const char *bytes, *text;
    } cases[] = {{"\xff", "\xef\xbf\xbd"},
                 {"a\xe2\x82z", "a\xef\xbf\xbdz"},
                 {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xf0\x9f\x8c\x8d", "\xf0\x9f\x8c\x8d"},
                 {"\xf0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xc3", "\xef\xbf\xbd"}};
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        REPRISE_CHECK_TEXT(reprise_string(reprise_view(cases[at].bytes)), cases[at].text);
    }
    REPRISE_CHECK_TEXT(reprise_quote("a\"\n\xff"), "\"a\\\"\\n\xef\xbf\xbd\"");
    REPRISE_CHECK_TEXT(reprise_quote(NULL), "null");
}

static void memory(void) {
    const char *stays = reprise_text("stays");
    reprise_memory before = reprise_mark();
    char *first = reprise_alloc(100);
    memset(reprise_alloc(1 << 20), 1, 1 << 20);
    reprise_release(before);
    REPRISE_CHECK(reprise_alloc(100) == first && first[0] == 0);
    REPRISE_CHECK_TEXT(stays, "stays");
}

static reprise_result reads(reprise_bytes input) {
    reprise_reader order = reprise_read_input(input);
    const char *from = reprise_read_text(&order, "from");
    int64_t amount = reprise_read_int(&order, "amount");
    double rate = reprise_has(&order, "rate") ? reprise_read_real(&order, "rate") : 1;
    bool urgent = reprise_has(&order, "urgent") && reprise_read_bool(&order, "urgent");
    if (order.failed) {
        return order.failure;
    }
    return reprise_success(reprise_format("%s %lld %.1f %d", from, (long long)amount, rate, urgent));
}

static void inputs(void) {
    struct {
        const char *input, *message;
    } cases[] = {{"", "the input can't be read: it is empty"},
                 {"{", "the input can't be read: unexpected end of data at byte 1"},
                 {"[]", "the input can't be read: expected an object, found a list"},
                 {"{}", "the input can't be read: missing field `from`"},
                 {"{\"from\":7}", "the input can't be read: field `from`: expected a text without NUL, found a number"},
                 {"{\"from\":\"\",\"amount\":\"7\"}",
                  "the input can't be read: field `amount`: expected a whole number of 64 bits, found a text"},
                 {"{\"from\":\"\",\"amount\":9223372036854775808}",
                  "the input can't be read: field `amount`: expected a whole number of 64 bits, found a number"},
                 {"{\"from\":\"\",\"amount\":1,\"urgent\":1}",
                  "the input can't be read: field `urgent`: expected true or false, found a number"}};
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        REPRISE_CHECK_TEXT(run(reads, cases[at].input).message, cases[at].message);
    }
    reprise_result read = run(reads, "{\"from\":\"a\",\"amount\":-7,\"rate\":0.5,\"urgent\":true}");
    REPRISE_CHECK_TEXT(reprise_string(read.output), "a -7 0.5 1");
}

static void results(void) {
    reprise_reply refused = {.status = REPRISE_REFUSED, .body = reprise_view("x"), .error = "refused"};
    reprise_result failure = reprise_about(reprise_failure_of(refused), "e2");
    REPRISE_CHECK_TEXT(failure.message, "e2: refused");
    REPRISE_CHECK_TEXT(reprise_string(failure.details), "x");
    reprise_reader reply = reprise_read_reply(refused);
    REPRISE_CHECK(reply.failed && reprise_read_value(&reply, "x") == NULL);
    REPRISE_CHECK_TEXT(reply.failure.message, "refused");
}

int main(void) {
    texts();
    memory();
    inputs();
    results();
}
