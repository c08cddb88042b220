/// Workflows without WebAssembly and without a runtime: a host in this process, with virtual time.
///
///     #include <reprise/testing.h>
///
///     int main(void) {
///         reprise_test_on("POST bank/out", 200, "{\"balance\":70}");
///         reprise_test_on("POST bank/in", 409, "unknown account");
///         reprise_result result = reprise_test_run("{\"amount\":30}");
///         REPRISE_CHECK(result.failed);
///         REPRISE_CHECK_TEXT(reprise_test_trace(), "01 action POST bank/out: success\n"
///                                                  "02 action POST bank/in: failure\n"
///                                                  "01 rollback POST bank/out/revert: success\n");
///     }
///
/// It answers and takes notes. What a runtime refuses (an action without undo, a second one on its branch, an unknown
/// option) it lets pass: `reprise check` tries a workflow out by the runtime's own rules.
#ifndef REPRISE_TESTING_H
#define REPRISE_TESTING_H

#include <reprise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Begins anew: no answers, no notes.
void reprise_test_reset(void);

/// Answers a call: `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL database`, `XA database`.
/// Of several answers to a call the last one counts. Without one an action is `REPRISE_INVALID`, and anything in phase
/// two succeeds.
///
/// `code`: 409 refuses, 200 to 299 succeed, 0 is nothing at all (`REPRISE_EXHAUSTED`, with `body` as the last error).
void reprise_test_on(const char *call, uint16_t code, const char *body);

/// As `reprise_test_on`, after some virtual time.
void reprise_test_after(uint64_t delay_ms, const char *call, uint16_t code, const char *body);

/// Runs the workflow with an input, and then its commit or rollback. The result lasts until the next reset.
reprise_result reprise_test_run(const char *input);

/// Every call in order, a line each: `01 action POST bank/out: success`.
const char *reprise_test_trace(void);

/// What the workflow logged, a line each: `info paying alice`.
const char *reprise_test_log(void);

/// The body of a call, counted from 0: of HTTP and gRPC as it is, of SQL the first statement's text. "" if there was none.
const char *reprise_test_body(size_t call);

/// The options that were set on a branch last, as the runtime gets them: JSON. "" if there were none.
const char *reprise_test_options(reprise_branch branch);

/// Virtual time from start to end.
uint64_t reprise_test_elapsed_ms(void);

/// Ends the test with where it stands if `condition` does not hold.
#define REPRISE_CHECK(condition)                                                                                      \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                            \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

/// Ends the test if two texts differ.
#define REPRISE_CHECK_TEXT(actual, expected)                                                                          \
    do {                                                                                                              \
        const char *is = (actual), *should = (expected);                                                              \
        if (is == NULL || strcmp(is, should) != 0) {                                                                  \
            fprintf(stderr, "%s:%d: expected\n%s\nfound\n%s\n", __FILE__, __LINE__, should, is == NULL ? "NULL" : is); \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

#endif
