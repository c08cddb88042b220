/// Calls and timers.

#include <stdlib.h>

#include "abi.h"
#include "memory.h"
#include "reply.h"
#include "session.h"

reprise_pending reprise_start(reprise_branch branch, reprise_op op) {
    const char *mistake = session_mistake(branch);
    if (mistake != NULL) {
        return (reprise_pending){.mistake = mistake};
    }
    return (reprise_pending){.ticket = abi_submit(branch, ABI_OP_OF(op))};
}

reprise_pending reprise_timer(uint64_t length_ms) {
    uint64_t seconds = length_ms / 1000;
    if (seconds > UINT32_MAX) {
        return (reprise_pending){.ticket = abi_timer(UINT32_MAX, 0)};
    }
    return (reprise_pending){.ticket = abi_timer((uint32_t)seconds, (uint32_t)(length_ms % 1000) * 1000000)};
}

reprise_reply reprise_take(reprise_pending pending) {
    if (pending.mistake != NULL) {
        return reply_invalid(pending.mistake);
    }
    abi_taken taken;
    abi_take_response(pending.ticket, &taken);
    return reply_of(&taken);
}

reprise_reply reprise_call(reprise_branch branch, reprise_op op) { return reprise_take(reprise_start(branch, op)); }

/// The tickets of what was started.
static uint32_t *tickets(const reprise_pending *pending, size_t count, size_t *started) {
    uint32_t *tickets = memory_take(count * sizeof *tickets);
    *started = 0;
    for (size_t at = 0; at < count; at++) {
        if (pending[at].mistake == NULL) {
            tickets[(*started)++] = pending[at].ticket;
        }
    }
    return tickets;
}

size_t reprise_wait_any(const reprise_pending *pending, size_t count) {
    for (size_t at = 0; at < count; at++) {
        if (pending[at].mistake != NULL) {
            return at;
        }
    }
    if (count == 1) {
        return 0; // Taking it waits.
    }
    reprise_memory before = reprise_mark();
    size_t started;
    uint32_t *all = tickets(pending, count, &started);
    size_t earliest = abi_wait_any(all, started);
    reprise_release(before);
    return earliest;
}

void reprise_wait_all(const reprise_pending *pending, size_t count) {
    reprise_memory before = reprise_mark();
    size_t started;
    uint32_t *all = tickets(pending, count, &started);
    abi_wait_all(all, started);
    reprise_release(before);
}

void reprise_join(const reprise_pending *pending, size_t count, reprise_reply *replies) {
    reprise_wait_all(pending, count);
    for (size_t at = 0; at < count; at++) {
        replies[at] = reprise_take(pending[at]);
    }
}

void reprise_cancel(reprise_pending pending) {
    if (pending.mistake == NULL) {
        abi_cancel(pending.ticket);
    }
}

size_t reprise_race(const reprise_pending *pending, size_t count, reprise_reply *reply) {
    size_t winner = reprise_wait_any(pending, count);
    *reply = reprise_take(pending[winner]);
    for (size_t at = 0; at < count; at++) {
        if (at != winner) {
            reprise_cancel(pending[at]);
        }
    }
    return winner;
}

bool reprise_within(uint64_t length_ms, reprise_pending pending, reprise_reply *reply) {
    reprise_reply first;
    bool in_time = reprise_race((reprise_pending[]){pending, reprise_timer(length_ms)}, 2, &first) == 0;
    if (in_time) {
        *reply = first;
    }
    return in_time;
}

void reprise_sleep(uint64_t length_ms) { reprise_take(reprise_timer(length_ms)); }
