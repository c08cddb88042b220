/// Time, randomness, and messages for people.
#ifndef REPRISE_WORLD_H
#define REPRISE_WORLD_H

#include <time.h>

#include "bytes.h"

/// The time of the last result that this workflow has seen, since 1970; the same on every replay.
struct timespec reprise_now(void);

/// As `reprise_now`, in milliseconds.
uint64_t reprise_now_ms(void);

/// Fills `size` bytes with randomness, the same on every replay.
void reprise_random(void *buffer, size_t size);

/// A random number, the same on every replay.
uint64_t reprise_random_u64(void);

/// How much attention a message needs.
typedef enum reprise_level {
    REPRISE_TRACE,
    REPRISE_DEBUG,
    REPRISE_INFO,
    REPRISE_WARN,
    REPRISE_ERROR,
} reprise_level;

/// Writes a message, made as `printf` makes it, to the execution's log. Shown once: not again when the workflow is
/// replayed.
void reprise_log(reprise_level level, const char *format, ...) REPRISE_PRINTF(2, 3);

#endif
