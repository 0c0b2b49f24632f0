// RESP with words for refusals.
#pragma once

#include <string>

#include "net/refusal_words.h"
#include "node/service.h"
#include "wire/resp_encoder.h"

namespace torc::net {

class AnswerEncoder final : public wire::RespEncoder {
 public:
  /// `service` knows why it executes nothing. Both outlive the encoder.
  AnswerEncoder(std::string& out, const node::Service& service) : RespEncoder(out), service_(service) {}

  void refusal(kv::Refusal refusal) override {
    const std::string_view words = words_of(refusal);
    if (refusal != kv::Refusal::kNotBorn) return error(words);
    error(std::string(words) + " " + service_.explanation());
  }

 private:
  const node::Service& service_;
};

}  // namespace torc::net
