/// Calls and timers: one after the other, or several at once.
///
/// Concurrency is explicit and deterministic: calls start in the order of the program text, and their results come in
/// the order of the journal, the same on every replay.
#ifndef REPRISE_CALL_H
#define REPRISE_CALL_H

#include <stdbool.h>

#include "branch.h"
#include "reply.h"

/// Something started: the action of a branch, or a timer. It is taken or canceled once.
typedef struct reprise_pending {
    uint32_t ticket;
    /// Why it was not started; NULL if it was.
    const char *mistake;
} reprise_pending;

/// Performs the branch's one action and waits for its result.
///
/// In a handler or closure of phase two, on the branch it was given, this is the commit or rollback operation, repeated
/// until it succeeds.
reprise_reply reprise_call(reprise_branch branch, reprise_op op);

/// Starts the branch's one action; `reprise_take` gives its result. A mistake is a result too.
reprise_pending reprise_start(reprise_branch branch, reprise_op op);

/// Starts a timer; what is taken of it is empty. Longer than 136 years counts as 136 years.
reprise_pending reprise_timer(uint64_t length_ms);

/// Waits for the result of something started and hands it over.
reprise_reply reprise_take(reprise_pending pending);

/// Waits until one of `count` has a result and returns the index of the earliest. At least one, none taken yet.
size_t reprise_wait_any(const reprise_pending *pending, size_t count);

/// Waits until all of `count` have results.
void reprise_wait_all(const reprise_pending *pending, size_t count);

/// Waits for all of `count` and writes their replies, in their order.
void reprise_join(const reprise_pending *pending, size_t count, reprise_reply *replies);

/// Waits for the earliest of `count`, cancels the others, writes its reply and returns its index.
size_t reprise_race(const reprise_pending *pending, size_t count, reprise_reply *reply);

/// Waits at most `length_ms`, counted from here. True: the reply is written. False: the time is over, and what was
/// started is canceled.
bool reprise_within(uint64_t length_ms, reprise_pending pending, reprise_reply *reply);

/// Gives up what was started and not taken: no further attempt is made. A branch with a canceled action is in doubt, so
/// its rollback is still performed. `reprise_take` may follow; it gives `REPRISE_CANCELED`.
void reprise_cancel(reprise_pending pending);

/// Waits. The runtime may drop the instance meanwhile and replay it afterwards.
void reprise_sleep(uint64_t length_ms);

#endif
