#include "mapreduce/bad_records.h"

#include "mapreduce/fields.h"

namespace torc::mapreduce {

std::string encode_bad_records(const std::vector<BadRecord>& records) {
  std::string text;
  for (const BadRecord& record : records) put_field(text, "record", std::to_string(record.at) + " " + record.input);
  return text;
}

Result<std::vector<BadRecord>> parse_bad_records(std::string_view text) {
  const Result<Fields> fields = Fields::parse(text);
  if (!fields) return fields.error();
  std::vector<BadRecord> records;
  for (const std::string& line : fields->all("record")) {
    const size_t space = line.find(' ');
    const std::optional<uint64_t> at = parse_number(std::string_view(line).substr(0, space));
    if (space == std::string::npos || !at) return Error{ErrorCode::kCorrupt, "bad records: a byte and a path: " + line};
    records.push_back(BadRecord{line.substr(space + 1), *at});
  }
  return records;
}

}  // namespace torc::mapreduce
