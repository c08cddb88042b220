/// Bytes, texts and the memory they are in.
#ifndef REPRISE_BYTES_H
#define REPRISE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define REPRISE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define REPRISE_PRINTF(text, first)
#endif

/// Bytes somewhere in memory; not owned. What this library gives is followed by a NUL that does not count.
typedef struct reprise_bytes {
    const uint8_t *data;
    size_t size;
} reprise_bytes;

/// No bytes.
#define REPRISE_NOTHING ((reprise_bytes){NULL, 0})

/// The bytes of a text, without its NUL, where they are. None for NULL.
reprise_bytes reprise_view(const char *text);

/// A text made as `printf` makes it.
const char *reprise_text(const char *format, ...) REPRISE_PRINTF(1, 2);

/// As `reprise_text`, as bytes: bodies and outputs.
reprise_bytes reprise_format(const char *format, ...) REPRISE_PRINTF(1, 2);

/// A copy of `size` bytes.
reprise_bytes reprise_copy(const void *data, size_t size);

/// The bytes as a text. What is not UTF-8 becomes U+FFFD; it ends at the first NUL.
const char *reprise_string(reprise_bytes bytes);

/// Zeroed memory that lasts as long as the workflow runs. Traps when there is none left.
void *reprise_alloc(size_t size);

/// A place in the memory of this library; see `reprise_mark`.
typedef struct reprise_memory {
    void *block;
    size_t used;
} reprise_memory;

/// Remembers how much memory is used, so that a long loop can give back what one turn of it took:
///
///     reprise_memory before = reprise_mark();
///     sum += number_of(reprise_call(reprise_open(), reprise_get(target)));
///     reprise_release(before);
reprise_memory reprise_mark(void);

/// Gives back all memory that was taken since `mark`: replies, texts, operations, parsed JSON. What branches were told
/// (options, operations, payloads, contexts) stays.
void reprise_release(reprise_memory mark);

#endif
