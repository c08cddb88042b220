/// Time, randomness, log.

#include <stdarg.h>
#include <string.h>

#include "abi.h"
#include "text.h"

/// What `bytes` gives in one call.
enum { RANDOM_MAX = 65536 };

struct timespec reprise_now(void) {
    abi_moment now;
    abi_now(&now);
    return (struct timespec){.tv_sec = (time_t)now.seconds, .tv_nsec = (long)now.nanos};
}

uint64_t reprise_now_ms(void) {
    struct timespec now = reprise_now();
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void reprise_random(void *buffer, size_t size) {
    uint8_t *to = buffer;
    while (size > 0) {
        reprise_memory before = reprise_mark();
        reprise_bytes bytes;
        abi_random(size > RANDOM_MAX ? RANDOM_MAX : (uint32_t)size, &bytes);
        memcpy(to, bytes.data, bytes.size);
        to += bytes.size, size -= bytes.size;
        reprise_release(before);
    }
}

uint64_t reprise_random_u64(void) {
    uint8_t bytes[8];
    reprise_random(bytes, sizeof bytes);
    uint64_t number = 0;
    for (size_t at = 0; at < sizeof bytes; at++) {
        number = number << 8 | bytes[at];
    }
    return number;
}

void reprise_log(reprise_level level, const char *format, ...) {
    reprise_memory before = reprise_mark();
    va_list arguments;
    va_start(arguments, format);
    reprise_bytes message = text_lossy(text_formatted(format, arguments), SIZE_MAX);
    va_end(arguments);
    abi_log(level, message.data, message.size);
    reprise_release(before);
}
