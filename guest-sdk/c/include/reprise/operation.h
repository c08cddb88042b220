/// Operations: things done outside the workflow, as plain data.
///
/// An operation does nothing until a branch calls or registers it, and may be used more than once. The texts and bodies
/// it names must last until then.
#ifndef REPRISE_OPERATION_H
#define REPRISE_OPERATION_H

#include <stdbool.h>

#include "bytes.h"

/// One thing done outside the workflow. Made by the functions below.
typedef struct reprise_op {
    /// HTTP, gRPC, SQL or XA.
    uint32_t kind;
    /// What it consists of, by kind.
    reprise_bytes parts[3];
} reprise_op;

/// An HTTP request.
///
/// `method`: `GET`, `POST`, `PUT`, `PATCH`, `DELETE`; `target`: `participant/path?query` with a participant of the
/// runtime's configuration, or a whole URL; `body`: sent as `application/json` unless the branch's options set another
/// `content-type`. Headers are options of the branch.
reprise_op reprise_http(const char *method, const char *target, reprise_bytes body);

/// `GET target`, without a body.
reprise_op reprise_get(const char *target);

/// `POST target`.
reprise_op reprise_post(const char *target, reprise_bytes body);

/// `PUT target`.
reprise_op reprise_put(const char *target, reprise_bytes body);

/// `PATCH target`.
reprise_op reprise_patch(const char *target, reprise_bytes body);

/// `DELETE target`, without a body.
reprise_op reprise_delete(const char *target);

/// A unary gRPC call.
///
/// `target`: a participant of the runtime's configuration, or `http(s)://host:port`; `method`:
/// `package.Service/Method`; `message`: encoded. Metadata are options of the branch.
reprise_op reprise_grpc(const char *target, const char *method, reprise_bytes message);

/// A value of a SQL statement. Made by the functions below.
typedef struct reprise_value {
    uint8_t kind;
    union {
        uint8_t boolean;
        double real;
        reprise_bytes text;
    } of;
} reprise_value;

/// `NULL`.
reprise_value reprise_value_null(void);
/// True or false.
reprise_value reprise_value_bool(bool value);
/// A whole number.
reprise_value reprise_value_int(int64_t value);
/// A number with a fraction.
reprise_value reprise_value_real(double value);
/// A text, or `NULL` for NULL.
reprise_value reprise_value_text(const char *value);
/// Bytes.
reprise_value reprise_value_bytes(reprise_bytes value);

/// One SQL statement with its parameters. Made by `reprise_statement_of` and `reprise_query`.
typedef struct reprise_statement {
    reprise_bytes sql;
    const reprise_value *parameters;
    size_t parameters_count;
    uint8_t is_counted;
    uint32_t affected;
} reprise_statement;

/// Parameters of a statement, in order: `REPRISE_BIND(reprise_value_int(5), reprise_value_text("alice"))`.
#define REPRISE_BIND(...)                                                                                             \
    (const reprise_value[]){__VA_ARGS__}, sizeof((const reprise_value[]){__VA_ARGS__}) / sizeof(reprise_value)

/// A statement with the database's own placeholders and `count` parameters, which are copied.
reprise_statement reprise_statement_of(const char *sql, const reprise_value *parameters, size_t count);

/// A statement without parameters.
reprise_statement reprise_query(const char *sql);

/// The statement, with the number of rows it must affect: another one is a refusal.
reprise_statement reprise_affecting(reprise_statement statement, uint32_t rows);

/// Statements of an operation, in order: `reprise_sql("bank", REPRISE_STATEMENTS(reprise_query("SELECT 1")))`.
#define REPRISE_STATEMENTS(...)                                                                                       \
    (const reprise_statement[]){__VA_ARGS__},                                                                         \
        sizeof((const reprise_statement[]){__VA_ARGS__}) / sizeof(reprise_statement)

/// Statements that run in one local transaction of a configured database, exactly once: a barrier row is in the same
/// transaction. They are copied.
reprise_op reprise_sql(const char *database, const reprise_statement *statements, size_t count);

/// As `reprise_sql`, but prepared now, and committed or rolled back by the runtime in phase two.
reprise_op reprise_xa(const char *database, const reprise_statement *statements, size_t count);

#endif
