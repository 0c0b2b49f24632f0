// The last step of a job: the outputs of the winners get their names.
#pragma once

#include <string>

#include "base/result.h"
#include "mapreduce/file_system.h"
#include "mapreduce/job_record.h"
#include "mapreduce/job_view.h"

namespace torc::mapreduce {

/// Moves the output of every reduce to its final name, replacing nothing, and syncs the directory. May be called by any
/// number of workers at a time and any number of times: a file can be moved only once, and what is found moved is
/// compared with the record.
/// Requires: the job is publishing, all reduces are done.
/// Errors: kInvalid: something else has the name, or the output was taken away. kIo, kDiskFull: may work later.
Status publish(FileSystem& files, const JobRecord& job, const TaskList& reduces);

/// Whether the file has the length and the checksum of the record. Errors: kNotFound, kIo.
Result<bool> is_output(FileSystem& files, const std::string& path, const Output& output);

}  // namespace torc::mapreduce
