// The records of a job that no map can take, as the value of one key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/executor.h"

namespace torc::mapreduce {

std::string encode_bad_records(const std::vector<BadRecord>& records);
/// Of an empty text: none. Errors: kCorrupt.
Result<std::vector<BadRecord>> parse_bad_records(std::string_view text);

}  // namespace torc::mapreduce
