/// Operations as the runtime takes them.

#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "memory.h"

reprise_op reprise_http(const char *method, const char *target, reprise_bytes body) {
    return (reprise_op){ABI_HTTP, {reprise_view(method), reprise_view(target), body}};
}

reprise_op reprise_get(const char *target) { return reprise_http("GET", target, REPRISE_NOTHING); }
reprise_op reprise_post(const char *target, reprise_bytes body) { return reprise_http("POST", target, body); }
reprise_op reprise_put(const char *target, reprise_bytes body) { return reprise_http("PUT", target, body); }
reprise_op reprise_patch(const char *target, reprise_bytes body) { return reprise_http("PATCH", target, body); }
reprise_op reprise_delete(const char *target) { return reprise_http("DELETE", target, REPRISE_NOTHING); }

reprise_op reprise_grpc(const char *target, const char *method, reprise_bytes message) {
    return (reprise_op){ABI_GRPC, {reprise_view(target), reprise_view(method + strspn(method, "/")), message}};
}

reprise_value reprise_value_null(void) { return (reprise_value){.kind = ABI_NULL}; }

reprise_value reprise_value_bool(bool value) {
    return (reprise_value){.kind = ABI_BOOLEAN, .of.boolean = value};
}

reprise_value reprise_value_int(int64_t value) {
    return (reprise_value){.kind = ABI_INTEGER, .of.text = reprise_format("%" PRId64, value)};
}

reprise_value reprise_value_real(double value) { return (reprise_value){.kind = ABI_REAL, .of.real = value}; }

reprise_value reprise_value_text(const char *value) {
    return value == NULL ? reprise_value_null() : (reprise_value){.kind = ABI_TEXT, .of.text = reprise_view(value)};
}

reprise_value reprise_value_bytes(reprise_bytes value) {
    return (reprise_value){.kind = ABI_BYTES, .of.text = value};
}

reprise_statement reprise_statement_of(const char *sql, const reprise_value *parameters, size_t count) {
    const void *copy = reprise_copy(parameters, count * sizeof *parameters).data;
    return (reprise_statement){.sql = reprise_view(sql), .parameters = copy, .parameters_count = count};
}

reprise_statement reprise_query(const char *sql) { return (reprise_statement){.sql = reprise_view(sql)}; }

reprise_statement reprise_affecting(reprise_statement statement, uint32_t rows) {
    statement.is_counted = true;
    statement.affected = rows;
    return statement;
}

/// The list of statements is one part: its start and how many there are.
static reprise_op database(uint32_t kind, const char *name, const reprise_statement *statements, size_t count) {
    reprise_bytes copy = reprise_copy(statements, count * sizeof *statements);
    return (reprise_op){kind, {reprise_view(name), {copy.data, count}, REPRISE_NOTHING}};
}

reprise_op reprise_sql(const char *name, const reprise_statement *statements, size_t count) {
    return database(ABI_SQL, name, statements, count);
}

reprise_op reprise_xa(const char *name, const reprise_statement *statements, size_t count) {
    return database(ABI_XA, name, statements, count);
}
