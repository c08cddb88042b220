/// The table of handlers of a workflow that has none. In a file of its own: who reads the table must not see its size.

#include <reprise/result.h>

__attribute__((weak)) const reprise_handler reprise_handlers[] = {{NULL, NULL}};
