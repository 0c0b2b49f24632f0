#include "host/rocksdb_status.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace torc::host {
namespace {

/// A rocksdb::Status keeps of the error number only its text.
bool says(const std::string& text, int number) {
  return text.find(std::generic_category().message(number)) != std::string::npos;
}

/// What cannot be read any more is damage, whether RocksDB met it on behalf of a reader or while it merged files; what
/// cannot be written is not (env/checkpoint_store.h).
bool is_read_failure(const std::string& text) {
  return text.find("read") != std::string::npos && (says(text, EIO) || says(text, EUCLEAN) || says(text, EBADMSG));
}

}  // namespace

Status to_status(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return {};
  const std::string text = status.ToString();
  ErrorCode code = ErrorCode::kIo;
  if (status.IsCorruption() || is_read_failure(text)) code = ErrorCode::kCorrupt;
  if (status.IsNoSpace() || says(text, EDQUOT)) code = ErrorCode::kDiskFull;
  if (status.IsNotSupported()) code = ErrorCode::kVersion;
  return Error{code, std::string(doing) + ": " + text};
}

}  // namespace torc::host
