/// Texts that come from elsewhere: made UTF-8, and cut where they get long.
#ifndef REPRISE_TEXT_H
#define REPRISE_TEXT_H

#include <stdarg.h>

#include <reprise/bytes.h>

/// What `vprintf` would print, followed by a NUL.
reprise_bytes text_formatted(const char *format, va_list arguments);

/// The bytes as UTF-8, followed by a NUL: what is none becomes U+FFFD. After `chars_max` characters it ends with `...`.
reprise_bytes text_lossy(reprise_bytes bytes, size_t chars_max);

/// Bytes for people: 200 characters of text at most.
const char *text_excerpt(reprise_bytes bytes);

#endif
