/// Options as the JSON object that the runtime takes.

#include "options.h"

#include <reprise/json.h>
#include <yyjson.h>

#include "json.h"

static const char *const OUTCOMES[] = {"success", "failure", "ongoing", "unknown"};

static void add_whole(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, uint32_t value) {
    if (value != 0) {
        yyjson_mut_obj_add_uint(document, object, name, value);
    }
}

/// Puts a member in, unless nothing is in it.
static void add_filled(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, yyjson_mut_val *member) {
    if (yyjson_mut_get_len(member) > 0) {
        yyjson_mut_obj_add_val(document, object, name, member);
    }
}

static yyjson_mut_val *retry(yyjson_mut_doc *document, const reprise_options *options) {
    yyjson_mut_val *retry = yyjson_mut_obj(document);
    add_whole(document, retry, "initial_ms", options->initial_ms);
    if (options->factor != 0) {
        yyjson_mut_obj_add_real(document, retry, "factor", options->factor);
    }
    add_whole(document, retry, "max_ms", options->max_ms);
    add_whole(document, retry, "attempts", options->attempts);
    if (options->jitter != 0) {
        yyjson_mut_obj_add_real(document, retry, "jitter", options->jitter == REPRISE_NO_JITTER ? 0 : options->jitter);
    }
    return retry;
}

static yyjson_mut_val *headers(yyjson_mut_doc *document, const reprise_options *options) {
    yyjson_mut_val *headers = yyjson_mut_obj(document);
    for (const reprise_header *header = options->headers; header != NULL && header->name != NULL; header++) {
        yyjson_mut_obj_add_str(document, headers, header->name, header->value);
    }
    return headers;
}

/// One look at a header or a body. `mistake`: what is wrong with it, else as it was.
static yyjson_mut_val *look(yyjson_mut_doc *document, const reprise_meaning *meaning, const char **mistake) {
    yyjson_mut_val *look = yyjson_mut_obj(document);
    if (meaning->header != NULL) {
        yyjson_mut_obj_add_str(document, look, "header", meaning->header);
        if (meaning->equals != NULL) {
            yyjson_mut_obj_add_str(document, look, "equals", meaning->equals);
        }
    } else {
        yyjson_mut_obj_add_str(document, look, "body", meaning->body);
        if (meaning->equals != NULL) {
            yyjson_doc *value = json_parsed(reprise_view(meaning->equals), NULL);
            if (value == NULL) {
                *mistake = reprise_text("the value `%s` of the meaning of `%s` is no JSON", meaning->equals, meaning->body);
            }
            yyjson_mut_obj_add_val(document, look, "equals", yyjson_val_mut_copy(document, yyjson_doc_get_root(value)));
        }
    }
    yyjson_mut_obj_add_str(document, look, "outcome", OUTCOMES[meaning->outcome]);
    return look;
}

static bool is_set(const reprise_meaning *meaning) {
    return meaning->http != NULL || meaning->grpc != NULL || meaning->header != NULL || meaning->body != NULL;
}

static yyjson_mut_val *outcome_map(yyjson_mut_doc *document, const reprise_options *options, const char **mistake) {
    yyjson_mut_val *map = yyjson_mut_obj(document);
    yyjson_mut_val *http = yyjson_mut_obj(document), *grpc = yyjson_mut_obj(document);
    yyjson_mut_val *matches = yyjson_mut_arr(document);
    for (const reprise_meaning *meaning = options->meanings; meaning != NULL && is_set(meaning); meaning++) {
        if (meaning->http != NULL) {
            yyjson_mut_obj_add_str(document, http, meaning->http, OUTCOMES[meaning->outcome]);
        } else if (meaning->grpc != NULL) {
            yyjson_mut_obj_add_str(document, grpc, meaning->grpc, OUTCOMES[meaning->outcome]);
        } else {
            yyjson_mut_arr_append(matches, look(document, meaning, mistake));
        }
    }
    add_filled(document, map, "http", http);
    add_filled(document, map, "grpc", grpc);
    add_filled(document, map, "matches", matches);
    if (options->ignore_dtm_result) {
        yyjson_mut_obj_add_bool(document, map, "dtm_result", false);
    }
    return map;
}

reprise_bytes options_json(const reprise_options *options, const char **mistake) {
    yyjson_mut_doc *document = json_new();
    yyjson_mut_val *root = yyjson_mut_obj(document);
    yyjson_mut_doc_set_root(document, root);
    *mistake = NULL;
    add_whole(document, root, "timeout_ms", options->timeout_ms);
    add_whole(document, root, "deadline_ms", options->deadline_ms);
    add_filled(document, root, "retry", retry(document, options));
    add_whole(document, root, "ongoing_ms", options->ongoing_ms);
    add_filled(document, root, "headers", headers(document, options));
    add_filled(document, root, "outcome_map", outcome_map(document, options, mistake));
    if (options->idempotency_key != NULL) {
        yyjson_mut_obj_add_str(document, root, "idempotency_key", options->idempotency_key);
    }
    if (options->compensate_failed) {
        yyjson_mut_obj_add_bool(document, root, "compensate_failed", true);
    }
    if (options->effect != REPRISE_CHANGES) {
        yyjson_mut_obj_add_str(document, root, "effect", options->effect == REPRISE_READ_ONLY ? "read-only" : "pivot");
    }
    if (options->full_answer) {
        yyjson_mut_obj_add_str(document, root, "answer", "full");
    }
    if (*mistake != NULL) {
        return REPRISE_NOTHING;
    }
    reprise_bytes json = json_written(document, mistake);
    if (*mistake != NULL) {
        *mistake = reprise_text("the options have no JSON form: %s", *mistake);
    }
    return json;
}
