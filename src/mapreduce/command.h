// Maps and reduces that are commands for the shell, as in Hadoop streaming: lines in, lines out.
#pragma once

#include <string>

#include "mapreduce/job.h"

namespace torc::mapreduce {

/// Gets the lines of a split on its standard input; a line of its output is a key, and behind a tab its value.
MakeMapper command_mapper(std::string command);
/// Gets the pairs of a partition in the order of their keys, a line each: key, tab, value (no tab if the value is
/// empty). The lines of its output are the output.
MakeReducer command_reducer(std::string command);

}  // namespace torc::mapreduce
