// What the names of a job's map and reduce mean: a program's own functions, a built-in, or a command for the shell.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "mapreduce/job.h"
#include "mapreduce/job_record.h"
#include "mapreduce/torc_keys.h"

namespace torc::mapreduce {

/// Functions of a program's own, by the name that jobs give for their map and their reduce. They go before built-ins.
using OwnFunctions = std::map<std::string, Functions, std::less<>>;

/// `access`: null if there is no store. Errors: kInvalid: map and reduce do not go together, or an argument is missing.
Result<Functions> functions_for(const JobSpec& spec, const OwnFunctions& own, const StoreAccess* access);

}  // namespace torc::mapreduce
