/// A branch: one participant's part of the transaction, an action and what commit and rollback do.
///
/// Set options first, then register what undoes the action, then call it. An action that may change something is
/// refused unless its undo is registered before it, or the options say that there is nothing to undo or no way back;
/// `GET` and XA need none.
///
/// A mistake in what is registered (a wrong option, an unknown handler) comes out where the branch is called, as
/// `REPRISE_INVALID`, and nothing is sent. On a branch that is not called after it, it turns the workflow's success into
/// a failure.
#ifndef REPRISE_BRANCH_H
#define REPRISE_BRANCH_H

#include "bytes.h"
#include "operation.h"
#include "options.h"

/// The number of a branch: 1 for the `branch_id` `01` that participants see. Branches that a handler opens have numbers
/// of their own, far above those of the workflow.
typedef uint32_t reprise_branch;

/// Which half of phase two a handler runs for.
typedef enum reprise_phase {
    REPRISE_COMMIT,
    REPRISE_ROLLBACK,
} reprise_phase;

/// Opens the next branch: `01`, `02`, ... for participants, in the order of these calls.
reprise_branch reprise_open(void);

/// Opens the next branch with options.
reprise_branch reprise_open_with(reprise_options options);

/// Sets options for what follows on this branch; what they don't name stays.
void reprise_set_options(reprise_branch branch, reprise_options options);

/// The runtime performs `op` when the transaction commits.
void reprise_on_commit(reprise_branch branch, reprise_op op);

/// The runtime performs `op` when the transaction rolls back. Register it before the action that it undoes.
void reprise_on_rollback(reprise_branch branch, reprise_op op);

/// The handler `name` of `reprise_handlers` runs with `payload` when the transaction commits.
void reprise_on_commit_handler(reprise_branch branch, const char *name, reprise_bytes payload);

/// The handler `name` of `reprise_handlers` runs with `payload` when the transaction rolls back.
void reprise_on_rollback_handler(reprise_branch branch, const char *name, reprise_bytes payload);

struct reprise_result;

/// A function with what it captured.
typedef struct reprise_result (*reprise_closure)(reprise_branch branch, void *context);

/// `closure` runs when the transaction commits, with a copy of the `size` bytes at `context`; what it calls on the
/// branch it is given is the commit operation.
///
/// What the copy points to must last: it is static, or from `reprise_alloc`. The runtime replays the workflow first when
/// its instance is gone, and calls the closure again when it fails. An operation or a named handler needs neither, so
/// prefer those.
void reprise_on_commit_with(reprise_branch branch, reprise_closure closure, const void *context, size_t size);

/// As `reprise_on_commit_with`, when the transaction rolls back.
void reprise_on_rollback_with(reprise_branch branch, reprise_closure closure, const void *context, size_t size);

/// The runtime performs `op` when all is done, with `op=finish` and `outcome=succeeded` or `outcome=failed` beside the
/// other parameters, and repeats it until it succeeds. A mistake in it turns the workflow's success into a failure.
void reprise_on_finish(reprise_op op);

#endif
