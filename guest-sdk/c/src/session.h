/// What the library keeps of an execution between the calls of its exports: closures and mistakes.
#ifndef REPRISE_SESSION_H
#define REPRISE_SESSION_H

#include <stdbool.h>

#include <reprise.h>

/// The branch of a mistake that belongs to none.
#define NO_BRANCH UINT32_MAX

/// A closure that a branch registered.
typedef struct closure {
    reprise_closure run;
    void *context;
} closure;

/// Forgets everything: a new run begins.
void session_reset(void);

/// Keeps a closure with a copy of its context, and gives the number under which `handle` is called for it.
uint32_t session_keep(reprise_closure run, const void *context, size_t size);

/// The closure of this number; NULL if there is none.
const closure *session_closure(uint32_t number);

/// Keeps a copy of what went wrong, until a call can report it.
void session_note(uint32_t branch, const char *text);

/// The first mistake made on `branch`, or NULL; all of the branch count as reported from now on.
const char *session_mistake(uint32_t branch);

/// Whether there is a mistake that no call has reported; if so, the failure it has to become. Forgets all of them.
bool session_unreported(reprise_result *failure);

#endif
