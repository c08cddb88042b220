/// Options as the runtime takes them.
#ifndef REPRISE_OPTIONS_JSON_H
#define REPRISE_OPTIONS_JSON_H

#include <reprise/bytes.h>
#include <reprise/options.h>

/// The JSON object that `set-options` takes, with what is set. `mistake`: why there is none, else NULL.
reprise_bytes options_json(const reprise_options *options, const char **mistake);

#endif
