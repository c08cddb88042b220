/// The flat functions of `wit/workflow.wit` in the canonical ABI, and nothing else: what the runtime gives and calls.
///
/// On WebAssembly the layout of these structs is the canonical ABI's, which is asserted below; elsewhere the functions
/// are those of the test host, and the layout is whatever the compiler likes.
#ifndef REPRISE_ABI_H
#define REPRISE_ABI_H

#include <assert.h>
#include <stdbool.h>

#include <reprise.h>

#ifdef __wasm__
#define ABI_IMPORT(interface, name)                                                                                   \
    __attribute__((import_module("reprise:workflow/" interface "@0.1.0"), import_name(name)))
#define ABI_EXPORT(name) __attribute__((export_name(name)))
#else
#define ABI_IMPORT(interface, name)
#define ABI_EXPORT(name)
#endif

/// `operation`: its case, and two words for each of up to three parts.
#define ABI_OP uint32_t kind, const void *data0, size_t size0, const void *data1, size_t size1, const void *data2, size_t size2
#define ABI_OP_OF(op)                                                                                                 \
    (op).kind, (op).parts[0].data, (op).parts[0].size, (op).parts[1].data, (op).parts[1].size, (op).parts[2].data,    \
        (op).parts[2].size

enum { ABI_HTTP, ABI_GRPC, ABI_SQL, ABI_XA };
enum { ABI_NULL, ABI_BOOLEAN, ABI_INTEGER, ABI_REAL, ABI_TEXT, ABI_BYTES };
enum { ABI_FAILURE, ABI_EXHAUSTED, ABI_DEADLINE, ABI_CANCELED, ABI_INVALID };

/// `result<_, string>`
typedef struct abi_done {
    uint8_t failed;
    reprise_bytes error;
} abi_done;

/// `result<response, call-error>`
typedef struct abi_taken {
    uint8_t failed;
    union {
        struct {
            uint16_t status;
            uint8_t refused;
            const reprise_reply_header *headers;
            size_t headers_count;
            reprise_bytes body;
        } response;
        struct {
            uint8_t kind;
            reprise_bytes text;
        } error;
    } of;
} abi_taken;

/// `result<list<u8>, failure>` and `result<_, failure>`
typedef struct abi_returned {
    uint8_t failed;
    union {
        reprise_bytes output;
        struct {
            reprise_bytes message;
            reprise_bytes details;
        } failure;
    } of;
} abi_returned;

/// `moment`
typedef struct abi_moment {
    uint32_t seconds;
    uint32_t nanos;
} abi_moment;

#ifdef __wasm__
static_assert(sizeof(abi_done) == 12, "result<_, string>");
static_assert(sizeof(abi_taken) == 24, "result<response, call-error>");
static_assert(sizeof(abi_returned) == 20, "result<list<u8>, failure>");
static_assert(sizeof(reprise_reply_header) == 16, "header");
static_assert(sizeof(reprise_statement) == 24 && offsetof(reprise_statement, affected) == 20, "statement");
static_assert(sizeof(reprise_value) == 16 && offsetof(reprise_value, of) == 8, "sql-value");
#endif

// transaction
ABI_IMPORT("transaction", "new-branch") uint32_t abi_new_branch(void);
ABI_IMPORT("transaction", "set-options")
void abi_set_options(uint32_t branch, const void *options, size_t size, abi_done *done);
ABI_IMPORT("transaction", "on-commit") void abi_on_commit(uint32_t branch, ABI_OP, abi_done *done);
ABI_IMPORT("transaction", "on-rollback") void abi_on_rollback(uint32_t branch, ABI_OP, abi_done *done);
ABI_IMPORT("transaction", "on-commit-handler")
void abi_on_commit_handler(uint32_t branch, const void *name, size_t name_size, const void *payload,
                           size_t payload_size, abi_done *done);
ABI_IMPORT("transaction", "on-rollback-handler")
void abi_on_rollback_handler(uint32_t branch, const void *name, size_t name_size, const void *payload,
                             size_t payload_size, abi_done *done);
ABI_IMPORT("transaction", "on-finish") void abi_on_finish(ABI_OP, abi_done *done);
ABI_IMPORT("transaction", "submit") uint32_t abi_submit(uint32_t branch, ABI_OP);
ABI_IMPORT("transaction", "wait-any") uint32_t abi_wait_any(const uint32_t *tickets, size_t count);
ABI_IMPORT("transaction", "wait-all") void abi_wait_all(const uint32_t *tickets, size_t count);
ABI_IMPORT("transaction", "take-response") void abi_take_response(uint32_t ticket, abi_taken *taken);
ABI_IMPORT("transaction", "cancel") void abi_cancel(uint32_t ticket);

// time, random, log
ABI_IMPORT("time", "now") void abi_now(abi_moment *now);
ABI_IMPORT("time", "timer") uint32_t abi_timer(uint32_t seconds, uint32_t nanos);
ABI_IMPORT("random", "bytes") void abi_random(uint32_t length, reprise_bytes *bytes);
ABI_IMPORT("log", "write") void abi_log(uint32_t level, const void *message, size_t size);

// What the runtime calls.
abi_returned *abi_run(uint8_t *input, size_t size);
abi_returned *abi_handle(uint32_t phase, uint32_t branch, char *name, size_t name_size, uint8_t *payload,
                         size_t payload_size);

#endif
