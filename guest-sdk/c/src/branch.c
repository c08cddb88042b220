/// Branches: what is registered on them.

#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "options.h"
#include "session.h"

reprise_branch reprise_open(void) { return abi_new_branch(); }

reprise_branch reprise_open_with(reprise_options options) {
    reprise_branch branch = reprise_open();
    reprise_set_options(branch, options);
    return branch;
}

/// Keeps what the runtime found wrong, if it did.
static void note(uint32_t branch, const abi_done *done) {
    if (done->failed) {
        session_note(branch, reprise_string(done->error));
    }
}

void reprise_set_options(reprise_branch branch, reprise_options options) {
    const char *mistake;
    reprise_bytes json = options_json(&options, &mistake);
    if (mistake != NULL) {
        session_note(branch, mistake);
        return;
    }
    if (json.size > strlen("{}")) {
        abi_done done;
        abi_set_options(branch, json.data, json.size, &done);
        note(branch, &done);
    }
}

void reprise_on_commit(reprise_branch branch, reprise_op op) {
    abi_done done;
    abi_on_commit(branch, ABI_OP_OF(op), &done);
    note(branch, &done);
}

void reprise_on_rollback(reprise_branch branch, reprise_op op) {
    abi_done done;
    abi_on_rollback(branch, ABI_OP_OF(op), &done);
    note(branch, &done);
}

void reprise_on_finish(reprise_op op) {
    abi_done done;
    abi_on_finish(ABI_OP_OF(op), &done);
    note(NO_BRANCH, &done);
}

typedef void register_handler(uint32_t branch, const void *name, size_t name_size, const void *payload,
                              size_t payload_size, abi_done *done);

static void named(reprise_branch branch, const char *name, reprise_bytes payload, register_handler *to_register) {
    const reprise_handler *handler = reprise_handlers;
    while (handler->name != NULL && strcmp(handler->name, name) != 0) {
        handler++;
    }
    if (handler->name == NULL) {
        session_note(branch, reprise_text("no handler `%s`: name it in the table `reprise_handlers`", name));
        return;
    }
    abi_done done;
    to_register(branch, name, strlen(name), payload.data, payload.size, &done);
    note(branch, &done);
}

void reprise_on_commit_handler(reprise_branch branch, const char *name, reprise_bytes payload) {
    named(branch, name, payload, abi_on_commit_handler);
}

void reprise_on_rollback_handler(reprise_branch branch, const char *name, reprise_bytes payload) {
    named(branch, name, payload, abi_on_rollback_handler);
}

static void closed(reprise_branch branch, reprise_closure closure, const void *context, size_t size,
                   register_handler *to_register) {
    reprise_bytes name = reprise_format("#%" PRIu32, session_keep(closure, context, size));
    abi_done done;
    to_register(branch, name.data, name.size, NULL, 0, &done);
    note(branch, &done);
}

void reprise_on_commit_with(reprise_branch branch, reprise_closure closure, const void *context, size_t size) {
    closed(branch, closure, context, size, abi_on_commit_handler);
}

void reprise_on_rollback_with(reprise_branch branch, reprise_closure closure, const void *context, size_t size) {
    closed(branch, closure, context, size, abi_on_rollback_handler);
}
