// Writes replies as RESP2 or RESP3 to the end of a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kv/reply_sink.h"

namespace torc::wire {

enum class RespVersion : uint8_t { kResp2 = 2, kResp3 = 3 };

/// The string stays the caller's; several encoders may take turns on one. What a refusal is called is for net/ to say
/// (net/answer_encoder.h).
class RespEncoder : public kv::ReplySink {
 public:
  explicit RespEncoder(std::string& out, RespVersion version = RespVersion::kResp2) : out_(&out), version_(version) {}

  void retarget(std::string& out) { out_ = &out; }
  void switch_version(RespVersion version) { version_ = version; }
  RespVersion version() const { return version_; }

  void ok() final { out_->append("+OK\r\n", 5); }
  /// Line breaks inside `text` become spaces: a client's bytes in an error must not forge a second reply.
  void status(std::string_view text) final { line('+', text); }
  void error(std::string_view text) final { line('-', text); }
  void integer(int64_t value) final;
  void bulk(std::string_view value) final;
  void nil() final;
  void array(size_t count) final;
  /// RESP2 has no maps: an array of 2 * count.
  void map(size_t count) final;

  /// RESP2 has no sets: an array.
  void set(size_t count);
  /// Text for people (INFO, CLIENT LIST); RESP2: a bulk.
  void verbatim(std::string_view text);

 private:
  bool is_resp3() const { return version_ == RespVersion::kResp3; }
  void line(char type, std::string_view text);

  std::string* out_;
  RespVersion version_;
};

}  // namespace torc::wire
