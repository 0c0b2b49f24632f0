#include "power_loss/state.h"

#include <cstdlib>

namespace torc::power_loss {
namespace {

constexpr char kSync = 's';

std::string line(char kind, uint64_t number, uint64_t inode, uint64_t kept, const std::string& path,
                 const std::string& to) {
  std::string text(1, kind);
  for (const uint64_t value : {number, inode, kept}) text += '\t' + std::to_string(value);
  return text + '\t' + path + '\t' + to + '\n';
}

}  // namespace

std::string encode(const NameOperation& operation) {
  return line(static_cast<char>(operation.kind), operation.number, operation.inode, operation.kept, operation.path,
              operation.to);
}

std::string encode_directory_sync(const std::string& directory, uint64_t through) {
  return line(kSync, through, 0, 0, directory, "");
}

std::vector<NameOperation> decode_names(std::string_view text) {
  std::vector<NameOperation> operations;
  while (true) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return operations;
    std::vector<std::string> fields;
    for (std::string_view rest = text.substr(0, end);;) {
      const size_t tab = rest.find('\t');
      fields.emplace_back(rest.substr(0, tab));
      if (tab == std::string_view::npos) break;
      rest.remove_prefix(tab + 1);
    }
    text.remove_prefix(end + 1);
    if (fields.size() != 6 || fields[0].size() != 1) continue;
    const uint64_t number = std::strtoull(fields[1].c_str(), nullptr, 10);
    if (fields[0][0] == kSync) {
      for (NameOperation& operation : operations) {
        if (operation.number <= number) operation.directory_synced(fields[4]);
      }
      continue;
    }
    NameOperation operation;
    operation.kind = static_cast<NameOperation::Kind>(fields[0][0]);
    operation.number = number;
    operation.inode = std::strtoull(fields[2].c_str(), nullptr, 10);
    operation.kept = std::strtoull(fields[3].c_str(), nullptr, 10);
    operation.path = fields[4];
    operation.to = fields[5];
    operations.push_back(std::move(operation));
  }
}

}  // namespace torc::power_loss
