/// Write Reprise workflows in C.
///
/// A workflow is a function; built for WebAssembly it is a module that the runtime deploys:
///
///     #include <reprise.h>
///
///     reprise_result reprise_workflow(reprise_bytes input) {
///         reprise_branch pay = reprise_open();
///         reprise_on_rollback(pay, reprise_post("bank/pay/revert", input));
///         reprise_reply paid = reprise_call(pay, reprise_post("bank/pay", input));
///         if (paid.status != REPRISE_OK) {
///             return reprise_failure_of(paid);
///         }
///         return reprise_success(paid.body);
///     }
///
/// `reprise_success` commits every branch, a failure rolls every branch back, each in reverse order.
///
/// What makes a workflow durable is that it takes the same path when the runtime runs it again with the recorded
/// results: take time, randomness and everything from outside from this header. Ordinary code between the calls, and
/// `time`, `clock_gettime`, `getentropy` and addresses of memory are deterministic too.
///
/// All memory that these functions give lasts as long as the workflow runs; nothing is freed by hand. Long loops give
/// it back with `reprise_mark` and `reprise_release`. Texts are UTF-8 and end with a NUL.
#ifndef REPRISE_H
#define REPRISE_H

#include "reprise/branch.h"
#include "reprise/bytes.h"
#include "reprise/call.h"
#include "reprise/json.h"
#include "reprise/operation.h"
#include "reprise/options.h"
#include "reprise/reply.h"
#include "reprise/result.h"
#include "reprise/world.h"

#endif
