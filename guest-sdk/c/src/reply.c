/// What came of a call.

#include "reply.h"

#include <strings.h>

#include "json.h"
#include "text.h"

/// Why a participant refused, for people: a database says it in JSON, others as they like.
static const char *reason(uint16_t code, reprise_bytes body) {
    if (code == 0) {
        yyjson_doc *document = json_parsed(body, NULL);
        const char *message = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "message"));
        if (message != NULL) {
            return message;
        }
    }
    return text_excerpt(body);
}

static const char *error_text(reprise_status status, uint16_t code, reprise_bytes body) {
    switch (status) {
    case REPRISE_OK:
        return NULL;
    case REPRISE_REFUSED:
        return reprise_text("the participant refused: %s", reason(code, body));
    case REPRISE_EXHAUSTED:
        return reprise_text("no success within the allowed attempts: %s", reprise_string(body));
    case REPRISE_DEADLINE:
        return reprise_text("no success before the deadline: %s", reprise_string(body));
    case REPRISE_CANCELED:
        return "the operation was cancelled";
    case REPRISE_INVALID:
        return reprise_string(body);
    }
    __builtin_unreachable();
}

static reprise_status status_of(uint8_t kind) {
    switch (kind) {
    case ABI_FAILURE:
        return REPRISE_REFUSED;
    case ABI_EXHAUSTED:
        return REPRISE_EXHAUSTED;
    case ABI_DEADLINE:
        return REPRISE_DEADLINE;
    case ABI_CANCELED:
        return REPRISE_CANCELED;
    default:
        return REPRISE_INVALID;
    }
}

reprise_reply reply_of(const abi_taken *taken) {
    if (taken->failed) {
        reprise_status status = status_of(taken->of.error.kind);
        reprise_bytes text = status == REPRISE_CANCELED ? REPRISE_NOTHING : taken->of.error.text;
        return (reprise_reply){
            .status = status,
            .body = status == REPRISE_REFUSED ? text : REPRISE_NOTHING,
            .error = error_text(status, 0, text),
        };
    }
    reprise_status status = taken->of.response.refused ? REPRISE_REFUSED : REPRISE_OK;
    return (reprise_reply){
        .status = status,
        .code = taken->of.response.status,
        .body = taken->of.response.body,
        .headers = taken->of.response.headers,
        .headers_count = taken->of.response.headers_count,
        .error = error_text(status, taken->of.response.status, taken->of.response.body),
    };
}

reprise_reply reply_invalid(const char *mistake) {
    return (reprise_reply){.status = REPRISE_INVALID, .error = mistake};
}

const char *reprise_reply_text(reprise_reply reply) { return reprise_string(reply.body); }

const char *reprise_reply_header_text(reprise_reply reply, const char *name) {
    for (size_t at = 0; at < reply.headers_count; at++) {
        if (strcasecmp(reprise_string(reply.headers[at].name), name) == 0) {
            return reprise_string(reply.headers[at].value);
        }
    }
    return NULL;
}

const char *reprise_status_name(reprise_status status) {
    static const char *const NAMES[] = {"ok", "refused", "exhausted", "deadline", "canceled", "invalid"};
    return NAMES[status];
}
