/// Bytes and texts.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "text.h"

reprise_bytes reprise_view(const char *text) {
    return text == NULL ? REPRISE_NOTHING : (reprise_bytes){(const uint8_t *)text, strlen(text)};
}

reprise_bytes reprise_copy(const void *data, size_t size) {
    uint8_t *copy = memory_take(size + 1);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    copy[size] = 0;
    return (reprise_bytes){copy, size};
}

reprise_bytes text_formatted(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        abort(); // The format is wrong: the compiler has warned.
    }
    char *text = memory_take((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return (reprise_bytes){(uint8_t *)text, (size_t)length};
}

reprise_bytes reprise_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    reprise_bytes bytes = text_formatted(format, arguments);
    va_end(arguments);
    return bytes;
}

const char *reprise_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    reprise_bytes bytes = text_formatted(format, arguments);
    va_end(arguments);
    return (const char *)bytes.data;
}

const char *reprise_string(reprise_bytes bytes) { return (const char *)text_lossy(bytes, SIZE_MAX).data; }
