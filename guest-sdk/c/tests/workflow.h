/// The workflow under test is a function that each test sets.
#ifndef WORKFLOW_H
#define WORKFLOW_H

#include <reprise/testing.h>

/// Runs `workflow` with an input; what it says is checked by the caller.
reprise_result run(reprise_result (*workflow)(reprise_bytes input), const char *input);

#endif
