/// Replies from what the runtime gives.
#ifndef REPRISE_REPLY_OF_H
#define REPRISE_REPLY_OF_H

#include "abi.h"

/// The reply that was taken, with the text for people.
reprise_reply reply_of(const abi_taken *taken);

/// The reply to a call that was not made because of a mistake.
reprise_reply reply_invalid(const char *mistake);

#endif
