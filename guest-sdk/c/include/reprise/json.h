/// JSON: reading inputs and replies field by field, and writing texts. By yyjson, of which everything else can be used
/// too: `#include <yyjson.h>`.
#ifndef REPRISE_JSON_H
#define REPRISE_JSON_H

#include <stdbool.h>

#include "bytes.h"
#include "reply.h"
#include "result.h"

struct yyjson_val;
struct yyjson_mut_doc;

/// Reads the fields of a JSON object. The first mistake stays: every later field reads as nothing, so it is enough to
/// look at `failed` once, at the end:
///
///     reprise_reader order = reprise_read_input(input);
///     const char *account = reprise_read_text(&order, "account");
///     int64_t amount = reprise_read_int(&order, "amount");
///     if (order.failed) {
///         return order.failure; // the input can't be read: missing field `amount`
///     }
typedef struct reprise_reader {
    /// The object, or whatever else the JSON is; NULL if there is none.
    struct yyjson_val *root;
    /// Whether something was wrong.
    bool failed;
    /// What was wrong first.
    reprise_result failure;
    /// What the failure's message begins with.
    const char *what;
} reprise_reader;

/// Reads the input of a workflow.
reprise_reader reprise_read_input(reprise_bytes input);

/// Reads the payload of a handler.
reprise_reader reprise_read_payload(reprise_bytes payload);

/// Reads the body of a reply. A call without success fails as `reprise_failure_of` says.
reprise_reader reprise_read_reply(reprise_reply reply);

/// A text; "" if there is none.
const char *reprise_read_text(reprise_reader *reader, const char *field);

/// A whole number; 0 if there is none.
int64_t reprise_read_int(reprise_reader *reader, const char *field);

/// A number; 0 if there is none.
double reprise_read_real(reprise_reader *reader, const char *field);

/// True or false; false if there is neither.
bool reprise_read_bool(reprise_reader *reader, const char *field);

/// Anything; NULL if there is nothing. `reprise_has` looks without complaining.
struct yyjson_val *reprise_read_value(reprise_reader *reader, const char *field);

/// Whether the object has this field, and it is not `null`.
bool reprise_has(const reprise_reader *reader, const char *field);

/// The rows of a SQL statement, counted from 0, in the reply of a database: an array of objects. NULL: there were fewer
/// statements, which is a mistake.
struct yyjson_val *reprise_read_rows(reprise_reader *reader, size_t statement);

/// How many rows a SQL statement, counted from 0, has changed.
int64_t reprise_read_affected(reprise_reader *reader, size_t statement);

/// A text as JSON, with its quotes: for `reprise_format`. `null` for NULL.
const char *reprise_quote(const char *text);

/// What a document of yyjson is as JSON, without spaces.
reprise_bytes reprise_json(const struct yyjson_mut_doc *document);

#endif
