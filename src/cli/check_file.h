// `torc check`: a history from a file through the checker.
#pragma once

#include "cli/command_line.h"

namespace torc::cli {

ExitCode run_check(const CheckFile& file);

}  // namespace torc::cli
