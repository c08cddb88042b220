/// How workflows and handlers end.

#include <stdarg.h>

#include "text.h"
#include <reprise/result.h>

reprise_result reprise_success(reprise_bytes output) { return (reprise_result){.output = output}; }

reprise_result reprise_done(void) { return reprise_success(REPRISE_NOTHING); }

reprise_result reprise_failure(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    reprise_bytes message = text_formatted(format, arguments);
    va_end(arguments);
    return (reprise_result){.failed = true, .message = reprise_string(message)};
}

reprise_result reprise_failure_of(reprise_reply reply) {
    if (reply.status == REPRISE_OK) {
        return reprise_failure("the call succeeded");
    }
    reprise_result failure = reprise_failure("%s", reply.error);
    return reply.status == REPRISE_REFUSED ? reprise_with_details(failure, reply.body) : failure;
}

reprise_result reprise_with_details(reprise_result failure, reprise_bytes details) {
    failure.details = details;
    return failure;
}

reprise_result reprise_about(reprise_result failure, const char *what) {
    if (failure.failed) {
        failure.message = reprise_text("%s: %s", what, failure.message);
    }
    return failure;
}
