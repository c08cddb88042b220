/// What the library keeps of an execution between the calls of its exports. It is not in the memory that marks release.

#include "session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct mistake {
    uint32_t branch;
    char *text;
    bool reported;
} mistake;

static closure *closures;
static size_t closures_count;
static mistake *mistakes;
static size_t mistakes_count;

/// Room for one more at the end of a list.
static void *grown(void *list, size_t count, size_t size) {
    void *longer = realloc(list, (count + 1) * size);
    if (longer == NULL) {
        abort();
    }
    return longer;
}

static void *kept(const void *data, size_t size) {
    void *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    return size > 0 ? memcpy(copy, data, size) : copy;
}

static void forget_mistakes(void) {
    for (size_t at = 0; at < mistakes_count; at++) {
        free(mistakes[at].text);
    }
    mistakes_count = 0;
}

void session_reset(void) {
    for (size_t at = 0; at < closures_count; at++) {
        free(closures[at].context);
    }
    closures_count = 0;
    forget_mistakes();
}

uint32_t session_keep(reprise_closure run, const void *context, size_t size) {
    closures = grown(closures, closures_count, sizeof *closures);
    closures[closures_count] = (closure){run, kept(context, size)};
    return (uint32_t)closures_count++;
}

const closure *session_closure(uint32_t number) { return number < closures_count ? &closures[number] : NULL; }

void session_note(uint32_t branch, const char *text) {
    mistakes = grown(mistakes, mistakes_count, sizeof *mistakes);
    mistakes[mistakes_count++] = (mistake){branch, kept(text, strlen(text) + 1), false};
}

const char *session_mistake(uint32_t branch) {
    const char *first = NULL;
    for (size_t at = 0; at < mistakes_count; at++) {
        if (mistakes[at].branch == branch) {
            mistakes[at].reported = true;
            first = first == NULL ? reprise_text("%s", mistakes[at].text) : first;
        }
    }
    return first;
}

bool session_unreported(reprise_result *failure) {
    bool found = false;
    for (size_t at = 0; at < mistakes_count && !found; at++) {
        found = !mistakes[at].reported;
        if (found) {
            *failure = mistakes[at].branch == NO_BRANCH
                           ? reprise_failure("%s", mistakes[at].text)
                           : reprise_failure("branch %02" PRIu32 ": %s", mistakes[at].branch, mistakes[at].text);
        }
    }
    forget_mistakes();
    return found;
}
