/// JSON by yyjson, in the memory of the execution.

#include "json.h"

#include <reprise/json.h>
#include <string.h>

#include "memory.h"
#include "text.h"

static void *take(void *context, size_t size) {
    (void)context;
    return memory_take(size);
}

static void *resize(void *context, void *old, size_t old_size, size_t size) {
    (void)context;
    return memory_resize(old, old_size, size);
}

/// All of it is given back at once.
static void keep(void *context, void *old) { (void)context, (void)old; }

static const yyjson_alc MEMORY = {take, resize, keep, NULL};

yyjson_doc *json_parsed(reprise_bytes bytes, const char **mistake) {
    yyjson_read_err error;
    yyjson_doc *document = yyjson_read_opts((char *)(uintptr_t)bytes.data, bytes.size, YYJSON_READ_NOFLAG, &MEMORY, &error);
    if (document == NULL && mistake != NULL) {
        *mistake = bytes.size == 0 ? "it is empty" : reprise_text("%s at byte %zu", error.msg, error.pos);
    }
    return document;
}

yyjson_mut_doc *json_new(void) { return yyjson_mut_doc_new(&MEMORY); }

reprise_bytes json_written(const yyjson_mut_doc *document, const char **mistake) {
    yyjson_write_err error;
    size_t size;
    char *json = yyjson_mut_write_opts(document, YYJSON_WRITE_NOFLAG, &MEMORY, &size, &error);
    if (json == NULL) {
        *mistake = error.msg;
        return REPRISE_NOTHING;
    }
    return (reprise_bytes){(uint8_t *)json, size};
}

reprise_bytes reprise_json(const yyjson_mut_doc *document) {
    const char *mistake;
    return json_written(document, &mistake);
}

const char *reprise_quote(const char *text) {
    if (text == NULL) {
        return "null";
    }
    yyjson_mut_doc *document = json_new();
    yyjson_mut_doc_set_root(document, yyjson_mut_str(document, (const char *)text_lossy(reprise_view(text), SIZE_MAX).data));
    return (const char *)reprise_json(document).data;
}

static void fail(reprise_reader *reader, const char *mistake) {
    if (!reader->failed) {
        reader->failed = true;
        reader->failure = reprise_failure("%s: %s", reader->what, mistake);
    }
}

static reprise_reader reader_of(reprise_bytes bytes, const char *what) {
    reprise_reader reader = {.what = what};
    const char *mistake;
    yyjson_doc *document = json_parsed(bytes, &mistake);
    if (document == NULL) {
        fail(&reader, mistake);
    } else {
        reader.root = yyjson_doc_get_root(document);
    }
    return reader;
}

reprise_reader reprise_read_input(reprise_bytes input) { return reader_of(input, "the input can't be read"); }

reprise_reader reprise_read_payload(reprise_bytes payload) { return reader_of(payload, "the payload can't be read"); }

reprise_reader reprise_read_reply(reprise_reply reply) {
    if (reply.status != REPRISE_OK) {
        return (reprise_reader){.failed = true, .failure = reprise_failure_of(reply)};
    }
    return reader_of(reply.body, reprise_text("the reply `%s` is not the expected JSON", text_excerpt(reply.body)));
}

/// What kind of value it is, for people.
static const char *kind(yyjson_val *value) {
    return yyjson_is_null(value)   ? "null"
           : yyjson_is_bool(value) ? "true or false"
           : yyjson_is_num(value)  ? "a number"
           : yyjson_is_str(value)  ? "a text"
           : yyjson_is_arr(value)  ? "a list"
                                   : "an object";
}

yyjson_val *reprise_read_value(reprise_reader *reader, const char *field) {
    if (reader->failed) {
        return NULL;
    }
    if (!yyjson_is_obj(reader->root)) {
        fail(reader, reprise_text("expected an object, found %s", kind(reader->root)));
        return NULL;
    }
    yyjson_val *value = yyjson_obj_get(reader->root, field);
    if (value == NULL) {
        fail(reader, reprise_text("missing field `%s`", field));
    }
    return value;
}

/// A field that passes `fits`, or NULL: then the reader has failed.
static yyjson_val *expect(reprise_reader *reader, const char *field, bool (*fits)(yyjson_val *), const char *expected) {
    yyjson_val *value = reprise_read_value(reader, field);
    if (value != NULL && !fits(value)) {
        fail(reader, reprise_text("field `%s`: expected %s, found %s", field, expected, kind(value)));
        return NULL;
    }
    return value;
}

static bool is_text(yyjson_val *value) {
    return yyjson_is_str(value) && strlen(yyjson_get_str(value)) == yyjson_get_len(value);
}

static bool is_int(yyjson_val *value) {
    return yyjson_is_sint(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX);
}

static bool is_real(yyjson_val *value) { return yyjson_is_num(value); }

static bool is_bool(yyjson_val *value) { return yyjson_is_bool(value); }

const char *reprise_read_text(reprise_reader *reader, const char *field) {
    yyjson_val *value = expect(reader, field, is_text, "a text without NUL");
    return value == NULL ? "" : yyjson_get_str(value);
}

int64_t reprise_read_int(reprise_reader *reader, const char *field) {
    return yyjson_get_sint(expect(reader, field, is_int, "a whole number of 64 bits"));
}

double reprise_read_real(reprise_reader *reader, const char *field) {
    return yyjson_get_num(expect(reader, field, is_real, "a number"));
}

bool reprise_read_bool(reprise_reader *reader, const char *field) {
    return yyjson_get_bool(expect(reader, field, is_bool, "true or false"));
}

bool reprise_has(const reprise_reader *reader, const char *field) {
    yyjson_val *value = yyjson_obj_get(reader->root, field);
    return value != NULL && !yyjson_is_null(value);
}

/// What a database answers to one statement: a member of it.
static yyjson_val *statement(reprise_reader *reader, size_t index, const char *member) {
    if (reader->failed) {
        return NULL;
    }
    size_t count = yyjson_arr_size(reader->root);
    yyjson_val *value = yyjson_obj_get(yyjson_arr_get(reader->root, index), member);
    if (value == NULL) {
        fail(reader, index < count
                         ? "it is no reply of a database"
                         : reprise_text("the reply has no statement %zu: there were %zu, counted from 0", index, count));
    }
    return value;
}

yyjson_val *reprise_read_rows(reprise_reader *reader, size_t index) { return statement(reader, index, "rows"); }

int64_t reprise_read_affected(reprise_reader *reader, size_t index) {
    return yyjson_get_sint(statement(reader, index, "affected"));
}
