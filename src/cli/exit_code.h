// What the process's exit status tells a script. Stands in `torc --help`: never renumber.
#pragma once

#include "check/search.h"
#include "client/client.h"

namespace torc::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitNegative = 1,         // answered "no": the key is absent, cas did not match
  kExitUsage = 2,            // the command line, or the file given to it, cannot be used
  kExitNotLinearizable = 3,  // torc check
  kExitUnreachable = 4,      // no node took the command in time; it had no effect
  kExitUnknown = 5,          // it may have had its effect, or may still have it
  kExitFailed = 6,           // the server, or the operating system, refused
  kExitUndecided = 7,        // torc check gave up
};

/// Of a data command. `name` in upper case: what counts as "no" depends on it.
ExitCode exit_code_of(std::string_view name, const client::Answer& answer);
ExitCode exit_code_of(check::Verdict verdict);

}  // namespace torc::cli
