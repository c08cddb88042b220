/// The memory of an execution, for the rest of the library.
#ifndef REPRISE_MEMORY_H
#define REPRISE_MEMORY_H

#include <stddef.h>

/// Memory with room for `size` bytes, as it was left. Traps when there is none.
void *memory_take(size_t size);

/// The same memory with room for `size` bytes: in place where it is the newest, else a copy.
void *memory_resize(void *old, size_t old_size, size_t size);

#endif
