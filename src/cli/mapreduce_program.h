// `torc mapreduce`, and the main() of a program that has maps and reduces of its own.
#pragma once

#include "mapreduce/functions_for.h"

namespace torc::cli {

/// Does what the command line says: run, worker, list, status, cancel, resume, remove. A program with functions of its
/// own returns this from main(); the workers that `run` starts are the same program, called the same way. `words`: how
/// many words of argv are the program: 1, or 2 for `torc mapreduce`. Returns the exit status.
int run_mapreduce(int argc, const char* const* argv, const mapreduce::OwnFunctions& functions = {}, int words = 1);

}  // namespace torc::cli
