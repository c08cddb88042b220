/// The memory of an execution: blocks that are given back all at once, or back to a mark. The runtime writes what its
/// functions give into it too.

#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "memory.h"

enum { ALIGNMENT = 16, BLOCK = 64 << 10 };

typedef struct block {
    struct block *before;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) uint8_t data[];
} block;

static block *last;

static size_t aligned(size_t size) { return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

/// A new last block with room for `size` bytes.
static void grow(size_t size) {
    size_t room = size > BLOCK ? size : BLOCK;
    block *next = malloc(sizeof(block) + room);
    if (next == NULL) {
        abort();
    }
    *next = (block){.before = last, .size = room, .used = 0};
    last = next;
}

void *memory_take(size_t size) {
    size_t rounded = aligned(size);
    if (rounded < size) {
        abort();
    }
    if (last == NULL || last->size - last->used < rounded) {
        grow(rounded);
    }
    void *taken = last->data + last->used;
    last->used += rounded;
    return taken;
}

void *memory_resize(void *old, size_t old_size, size_t size) {
    size_t old_rounded = aligned(old_size), rounded = aligned(size);
    bool is_newest = last != NULL && (uint8_t *)old + old_rounded == last->data + last->used;
    if (is_newest && rounded >= size && rounded - old_rounded <= last->size - last->used) {
        last->used += rounded - old_rounded;
        return old;
    }
    if (size <= old_size) {
        return old;
    }
    return memcpy(memory_take(size), old, old_size);
}

void *reprise_alloc(size_t size) { return memset(memory_take(size), 0, size); }

reprise_memory reprise_mark(void) { return (reprise_memory){.block = last, .used = last == NULL ? 0 : last->used}; }

void reprise_release(reprise_memory mark) {
    while (last != mark.block) {
        block *before = last->before;
        free(last);
        last = before;
    }
    if (last != NULL) {
        last->used = mark.used;
    }
}

/// Where the runtime puts what its functions give.
ABI_EXPORT("cabi_realloc")
void *abi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)alignment; // None of the world's types needs more than 8.
    return old == NULL ? memory_take(size) : memory_resize(old, old_size, size);
}

/// The state of the adapter for WASI preview 1, which outlasts every mark.
ABI_EXPORT("cabi_realloc_adapter")
void *abi_realloc_adapter(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)old_size, (void)alignment;
    return realloc(old, size);
}
