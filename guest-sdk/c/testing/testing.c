/// The test host: the functions of the world for programs of this machine.

#include <reprise/testing.h>

#include <inttypes.h>
#include <stdarg.h>

#include "../src/abi.h"
#include "../src/memory.h"

enum { START_SECONDS = 1700000000 };

typedef struct answer {
    char *call;
    uint16_t code;
    char *body;
    uint64_t delay_ms;
} answer;

/// An operation with copies of what it consists of.
typedef struct operation {
    char *call;
    char *body;
} operation;

typedef struct registration {
    const char *op;
    uint32_t branch;
    operation operation;
    /// NULL: it is an operation.
    char *handler;
    char *payload;
    size_t payload_size;
} registration;

typedef struct ticket {
    uint64_t due_ms;
    /// NULL: a timer.
    const answer *answer;
    const char *missing;
    bool canceled;
} ticket;

/// A list that grows.
#define LIST(type)                                                                                                    \
    struct {                                                                                                          \
        type *items;                                                                                                  \
        size_t count;                                                                                                 \
    }
#define ADD(list, item) (*(__typeof__((list).items))add((void **)&(list).items, &(list).count, sizeof *(list).items) = (item))

static struct {
    LIST(answer) answers;
    LIST(registration) registrations;
    LIST(ticket) tickets;
    LIST(char *) bodies;
    LIST(char *) options;
    LIST(bool) refused;
    char *trace;
    char *log;
    uint64_t now_ms;
    uint64_t random;
    /// What the calls on this branch are: the branch of the handler that runs.
    uint32_t handled;
    const char *handled_op;
} host;

static void *add(void **items, size_t *count, size_t size) {
    *items = realloc(*items, (*count + 1) * size);
    REPRISE_CHECK(*items != NULL);
    return memset((char *)*items + (*count)++ * size, 0, size);
}

static char *copied(const void *data, size_t size) {
    char *copy = calloc(size + 1, 1);
    REPRISE_CHECK(copy != NULL);
    return size > 0 ? memcpy(copy, data, size) : copy;
}

/// Adds a line to a text that grows.
static void note(char **text, const char *line) {
    size_t before = *text == NULL ? 0 : strlen(*text);
    *text = realloc(*text, before + strlen(line) + 2);
    REPRISE_CHECK(*text != NULL);
    sprintf(*text + before, "%s\n", line);
}

void reprise_test_reset(void) { memset(&host, 0, sizeof host); }

void reprise_test_after(uint64_t delay_ms, const char *call, uint16_t code, const char *body) {
    ADD(host.answers, ((answer){copied(call, strlen(call)), code, copied(body, strlen(body)), delay_ms}));
}

void reprise_test_on(const char *call, uint16_t code, const char *body) { reprise_test_after(0, call, code, body); }

const char *reprise_test_trace(void) { return host.trace == NULL ? "" : host.trace; }
const char *reprise_test_log(void) { return host.log == NULL ? "" : host.log; }
const char *reprise_test_body(size_t call) { return call < host.bodies.count ? host.bodies.items[call] : ""; }
uint64_t reprise_test_elapsed_ms(void) { return host.now_ms; }

const char *reprise_test_options(reprise_branch branch) {
    const char *options = branch <= host.options.count ? host.options.items[branch - 1] : NULL;
    return options == NULL ? "" : options;
}

static operation operation_of(ABI_OP) {
    const char *database = kind == ABI_SQL ? "SQL" : "XA";
    const reprise_statement *first = kind >= ABI_SQL && size1 > 0 ? data1 : NULL;
    char *call = NULL, *body = first == NULL ? copied(data2, size2) : copied(first->sql.data, first->sql.size);
    if (kind == ABI_HTTP) {
        call = (char *)reprise_text("%.*s %.*s", (int)size0, (const char *)data0, (int)size1, (const char *)data1);
    } else if (kind == ABI_GRPC) {
        call = (char *)reprise_text("GRPC %.*s/%.*s", (int)size0, (const char *)data0, (int)size1, (const char *)data1);
    } else {
        call = (char *)reprise_text("%s %.*s", database, (int)size0, (const char *)data0);
    }
    return (operation){copied(call, strlen(call)), body};
}

static const answer *answer_to(const char *call) {
    for (size_t at = host.answers.count; at > 0; at--) {
        if (strcmp(host.answers.items[at - 1].call, call) == 0) {
            return &host.answers.items[at - 1];
        }
    }
    return NULL;
}

static bool refuses(const answer *answer) { return answer != NULL && answer->code == 409; }

/// Writes down a call and gives its answer.
static const answer *send(uint32_t branch, const char *op, operation operation) {
    const answer *answer = answer_to(operation.call);
    const char *outcome = answer == NULL       ? (strcmp(op, "action") == 0 ? "invalid" : "success")
                          : refuses(answer)    ? "failure"
                          : answer->code == 0 ? "unknown"
                                               : "success";
    note(&host.trace, reprise_text("%02" PRIu32 " %s %s: %s", branch, op, operation.call, outcome));
    ADD(host.bodies, operation.body);
    return answer;
}

uint32_t abi_new_branch(void) {
    ADD(host.options, NULL);
    ADD(host.refused, false);
    return (uint32_t)host.options.count;
}

void abi_set_options(uint32_t branch, const void *options, size_t size, abi_done *done) {
    host.options.items[branch - 1] = copied(options, size);
    done->failed = false;
}

static void registered(const char *op, uint32_t branch, operation operation, abi_done *done) {
    ADD(host.registrations, ((registration){.op = op, .branch = branch, .operation = operation}));
    done->failed = false;
}

void abi_on_commit(uint32_t branch, ABI_OP, abi_done *done) {
    registered("commit", branch, operation_of(kind, data0, size0, data1, size1, data2, size2), done);
}

void abi_on_rollback(uint32_t branch, ABI_OP, abi_done *done) {
    registered("rollback", branch, operation_of(kind, data0, size0, data1, size1, data2, size2), done);
}

void abi_on_finish(ABI_OP, abi_done *done) {
    registered("finish", 0, operation_of(kind, data0, size0, data1, size1, data2, size2), done);
}

static void registered_handler(const char *op, uint32_t branch, const void *name, size_t name_size,
                               const void *payload, size_t payload_size, abi_done *done) {
    ADD(host.registrations, ((registration){.op = op,
                                            .branch = branch,
                                            .handler = copied(name, name_size),
                                            .payload = copied(payload, payload_size),
                                            .payload_size = payload_size}));
    done->failed = false;
}

void abi_on_commit_handler(uint32_t branch, const void *name, size_t name_size, const void *payload,
                           size_t payload_size, abi_done *done) {
    registered_handler("commit", branch, name, name_size, payload, payload_size, done);
}

void abi_on_rollback_handler(uint32_t branch, const void *name, size_t name_size, const void *payload,
                             size_t payload_size, abi_done *done) {
    registered_handler("rollback", branch, name, name_size, payload, payload_size, done);
}

uint32_t abi_submit(uint32_t branch, ABI_OP) {
    const char *op = host.handled_op != NULL && branch == host.handled ? host.handled_op : "action";
    operation operation = operation_of(kind, data0, size0, data1, size1, data2, size2);
    const answer *answer = send(branch, op, operation);
    if (branch <= host.refused.count && refuses(answer)) {
        host.refused.items[branch - 1] = true;
    }
    uint64_t due = host.now_ms + (answer == NULL ? 0 : answer->delay_ms);
    bool is_missing = answer == NULL && strcmp(op, "action") == 0;
    ADD(host.tickets, ((ticket){.due_ms = due, .answer = answer, .missing = is_missing ? operation.call : NULL}));
    return (uint32_t)host.tickets.count - 1;
}

uint32_t abi_timer(uint32_t seconds, uint32_t nanos) {
    ADD(host.tickets, ((ticket){.due_ms = host.now_ms + seconds * UINT64_C(1000) + nanos / 1000000}));
    return (uint32_t)host.tickets.count - 1;
}

uint32_t abi_wait_any(const uint32_t *tickets, size_t count) {
    REPRISE_CHECK(count > 0);
    uint32_t earliest = 0;
    for (uint32_t at = 1; at < count; at++) {
        if (host.tickets.items[tickets[at]].due_ms < host.tickets.items[tickets[earliest]].due_ms) {
            earliest = at;
        }
    }
    return earliest;
}

void abi_wait_all(const uint32_t *tickets, size_t count) { (void)tickets, (void)count; }

/// An error of a call; the memory is the execution's, as that of the runtime is.
static void give_error(abi_taken *taken, uint8_t kind, const char *text) {
    taken->failed = true;
    taken->of.error.kind = kind;
    taken->of.error.text = reprise_format("%s", text);
}

void abi_take_response(uint32_t number, abi_taken *taken) {
    const ticket *ticket = &host.tickets.items[number];
    memset(taken, 0, sizeof *taken);
    if (ticket->canceled) {
        give_error(taken, ABI_CANCELED, "");
        return;
    }
    host.now_ms = ticket->due_ms > host.now_ms ? ticket->due_ms : host.now_ms;
    if (ticket->missing != NULL) {
        give_error(taken, ABI_INVALID, reprise_text("this test has no answer to `%s`", ticket->missing));
    } else if (ticket->answer != NULL && ticket->answer->code == 0) {
        give_error(taken, ABI_EXHAUSTED, ticket->answer->body);
    } else if (ticket->answer != NULL) {
        taken->of.response.status = ticket->answer->code;
        taken->of.response.refused = refuses(ticket->answer);
        taken->of.response.body = reprise_copy(ticket->answer->body, strlen(ticket->answer->body));
    }
}

void abi_cancel(uint32_t number) { host.tickets.items[number].canceled = true; }

void abi_now(abi_moment *now) {
    now->seconds = START_SECONDS + (uint32_t)(host.now_ms / 1000);
    now->nanos = (uint32_t)(host.now_ms % 1000) * 1000000;
}

/// A splitmix generator: the same numbers in every run.
void abi_random(uint32_t length, reprise_bytes *bytes) {
    uint8_t *data = memory_take(length);
    for (uint32_t at = 0; at < length; at++) {
        uint64_t mixed = host.random += UINT64_C(0x9e3779b97f4a7c15);
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        data[at] = (uint8_t)(mixed ^ mixed >> 31);
    }
    *bytes = (reprise_bytes){data, length};
}

void abi_log(uint32_t level, const void *message, size_t size) {
    static const char *const LEVELS[] = {"trace", "debug", "info", "warn", "error"};
    note(&host.log, reprise_text("%s %.*s", LEVELS[level], (int)size, (const char *)message));
}

/// Performs what was registered for `op`, newest first; of refused actions nothing is rolled back.
static void phase_two(const char *op) {
    for (size_t at = host.registrations.count; at > 0; at--) {
        const registration registration = host.registrations.items[at - 1];
        bool is_refused = registration.branch > 0 && host.refused.items[registration.branch - 1];
        if (strcmp(registration.op, op) != 0 || (is_refused && strcmp(op, "rollback") == 0)) {
            continue;
        }
        if (registration.handler == NULL) {
            send(registration.branch, op, registration.operation);
            continue;
        }
        host.handled = registration.branch, host.handled_op = op;
        uint32_t phase = strcmp(op, "commit") == 0 ? REPRISE_COMMIT : REPRISE_ROLLBACK;
        abi_returned *returned = abi_handle(phase, registration.branch, registration.handler,
                                            strlen(registration.handler), (uint8_t *)registration.payload,
                                            registration.payload_size);
        host.handled_op = NULL;
        if (returned->failed) {
            note(&host.trace, reprise_text("%02" PRIu32 " %s failed: %s", registration.branch, op,
                                           reprise_string(returned->of.failure.message)));
        }
    }
}

reprise_result reprise_test_run(const char *input) {
    abi_returned *returned = abi_run((uint8_t *)copied(input, strlen(input)), strlen(input));
    reprise_result result = {.failed = returned->failed};
    if (returned->failed) {
        result.message = reprise_string(returned->of.failure.message);
        result.details = returned->of.failure.details;
    } else {
        result.output = returned->of.output;
    }
    phase_two(result.failed ? "rollback" : "commit");
    phase_two("finish");
    return result;
}
