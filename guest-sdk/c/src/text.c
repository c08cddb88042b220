/// Texts that come from elsewhere.

#include "text.h"

#include <stdbool.h>
#include <string.h>

#include "memory.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd";

/// The length of the character at the start of `rest`, or of what can't become one. `valid` says which.
static size_t step(const uint8_t *rest, size_t size, bool *valid) {
    uint8_t first = rest[0], low = 0x80, high = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    // Overlong forms, surrogates, and what is beyond U+10FFFF show in the second byte.
    low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
    high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
    *valid = false;
    for (size_t at = 1; at < length; at++) {
        if (at >= size || rest[at] < low || rest[at] > high) {
            return at;
        }
        low = 0x80, high = 0xbf;
    }
    *valid = length > 0;
    return length > 0 ? length : 1;
}

reprise_bytes text_lossy(reprise_bytes bytes, size_t chars_max) {
    // A byte becomes at most the three of U+FFFD.
    size_t room = bytes.size * 3 + sizeof "...";
    uint8_t *text = memory_take(room);
    size_t length = 0, chars = 0;
    for (size_t at = 0; at < bytes.size; chars++) {
        if (chars == chars_max) {
            memcpy(text + length, "...", 3), length += 3;
            break;
        }
        bool valid;
        size_t size = step(bytes.data + at, bytes.size - at, &valid);
        size_t added = valid ? size : 3;
        memcpy(text + length, valid ? (const void *)(bytes.data + at) : REPLACEMENT, added);
        at += size, length += added;
    }
    text[length] = 0;
    memory_resize(text, room, length + 1);
    return (reprise_bytes){text, length};
}

const char *text_excerpt(reprise_bytes bytes) { return (const char *)text_lossy(bytes, 200).data; }
