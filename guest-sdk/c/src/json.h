/// yyjson with the memory of the execution, for the rest of the library.
#ifndef REPRISE_YYJSON_H
#define REPRISE_YYJSON_H

#include <reprise/bytes.h>
#include <yyjson.h>

/// The document that the bytes are, or NULL. `mistake`: why there is none; may be NULL.
yyjson_doc *json_parsed(reprise_bytes bytes, const char **mistake);

/// An empty document to write.
yyjson_mut_doc *json_new(void);

/// The document as JSON, without spaces. `mistake`: why there is none (a text is not UTF-8, a number is infinite), else
/// as it was.
reprise_bytes json_written(const yyjson_mut_doc *document, const char **mistake);

#endif
