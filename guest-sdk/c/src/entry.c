/// The exports `run` and `handle`.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "session.h"

static abi_returned *returned(reprise_result result) {
    static abi_returned returned;
    fflush(NULL); // What was printed belongs to this call: a library is never exited.
    returned.failed = result.failed;
    if (result.failed) {
        returned.of.failure.message = reprise_view(result.message);
        returned.of.failure.details = result.details;
    } else {
        returned.of.output = result.output;
    }
    return &returned;
}

ABI_EXPORT("run")
abi_returned *abi_run(uint8_t *input, size_t size) {
    session_reset();
    reprise_result result = reprise_workflow((reprise_bytes){input, size});
    reprise_result mistake;
    return returned(!result.failed && session_unreported(&mistake) ? mistake : result);
}

/// Runs the closure or the handler that was registered under `name`. False: there is none.
static bool perform(reprise_phase phase, reprise_branch branch, const char *name, reprise_bytes payload,
                    reprise_result *result) {
    if (name[0] == '#') {
        const closure *closure = session_closure((uint32_t)strtoul(name + 1, NULL, 10));
        if (closure != NULL) {
            *result = closure->run(branch, closure->context);
        }
        return closure != NULL;
    }
    for (const reprise_handler *handler = reprise_handlers; handler->name != NULL; handler++) {
        if (strcmp(handler->name, name) == 0) {
            *result = handler->run(branch, phase, payload);
            return true;
        }
    }
    return false;
}

ABI_EXPORT("handle")
abi_returned *abi_handle(uint32_t phase, uint32_t branch, char *name, size_t name_size, uint8_t *payload,
                         size_t payload_size) {
    const char *called = reprise_string((reprise_bytes){(uint8_t *)name, name_size});
    reprise_result result, mistake;
    if (!perform((reprise_phase)phase, branch, called, (reprise_bytes){payload, payload_size}, &result)) {
        return returned(reprise_failure("this component has no handler `%s`", called));
    }
    if (result.failed) {
        return returned(reprise_about(result, reprise_text("handler `%s`", called)));
    }
    return returned(session_unreported(&mistake) ? mistake : result);
}
