#include "mapreduce/plan.h"

#include <algorithm>

#include "mapreduce/fields.h"
#include "mapreduce/job_record.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kNumbers = 5;

std::string encode_split(const Split& split) {
  std::string text = split.kind == Split::Kind::kFile ? "file" : "keys";
  for (const uint64_t number :
       {split.begin, split.end, split.state.bytes, split.state.modified_ns, split.state.inode}) {
    text += " " + std::to_string(number);
  }
  return text + " " + split.name;
}

Result<Split> parse_split(std::string_view line) {
  const Error corrupt{ErrorCode::kCorrupt, "plan: not a split: " + std::string(line.substr(0, 80))};
  const auto next_word = [&line] {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
  };
  Split split;
  const std::string_view kind = next_word();
  if (kind != "file" && kind != "keys") return corrupt;
  split.kind = kind == "file" ? Split::Kind::kFile : Split::Kind::kKeys;
  uint64_t numbers[kNumbers];
  for (uint64_t& number : numbers) {
    const std::optional<uint64_t> parsed = parse_number(next_word());
    if (!parsed) return corrupt;
    number = *parsed;
  }
  split.begin = numbers[0];
  split.end = numbers[1];
  split.state = {numbers[2], numbers[3], numbers[4]};
  split.name = line;
  if (split.begin > split.end) return corrupt;
  return split;
}

}  // namespace

size_t page_count(size_t splits) { return std::max<size_t>(1, (splits + kSplitsPerPage - 1) / kSplitsPerPage); }

std::vector<std::string> encode_pages(const Plan& plan) {
  std::vector<std::string> pages(page_count(plan.splits.size()));
  for (const std::string& border : plan.borders) put_field(pages.front(), "border", border);
  for (size_t i = 0; i < plan.splits.size(); ++i) {
    put_field(pages[i / kSplitsPerPage], "split", encode_split(plan.splits[i]));
  }
  return pages;
}

Status parse_page(std::string_view page, Plan& plan) {
  const Result<Fields> fields = Fields::parse(page);
  if (!fields) return fields.error();
  const std::vector<std::string>& borders = fields->all("border");
  plan.borders.insert(plan.borders.end(), borders.begin(), borders.end());
  for (const std::string& line : fields->all("split")) {
    Result<Split> split = parse_split(line);
    if (!split) return split.error();
    plan.splits.push_back(std::move(split).value());
  }
  return {};
}

}  // namespace torc::mapreduce
