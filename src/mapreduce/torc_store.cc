#include "mapreduce/torc_store.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace torc::mapreduce {
namespace {

using std::chrono::steady_clock;

constexpr size_t kKeysPerRead = 256;
constexpr std::string_view kFirstDayMs = "86400000";
constexpr std::chrono::milliseconds kStorePause{100};

client::ClientOptions client_options(const TorcStore::Options& options) {
  client::ClientOptions client;
  client.nodes = options.nodes;
  client.timeout = std::min(client.timeout, options.patience);
  return client;
}

Result<Changed> changed_by(const Result<client::Answer>& answer) {
  if (!answer) return answer.error();
  if (answer->kind == client::Answer::Kind::kUnknown) return Changed::kUnknown;
  const bool is_done =
      answer->reply.kind == wire::RespValue::Kind::kInteger ? answer->reply.integer == 1 : !answer->reply.is_nil();
  return is_done ? Changed::kYes : Changed::kNo;
}

}  // namespace

TorcStore::TorcStore(Options options) : options_(std::move(options)), client_(client_options(options_)) {}

Result<client::Answer> TorcStore::call(std::span<const std::string_view> words) {
  const auto give_up = steady_clock::now() + options_.patience;
  for (;;) {
    client::Answer answer = client_.command(words);
    const bool is_refused = answer.kind == client::Answer::Kind::kRefused;
    if (is_refused && !answer.is_for_now) {
      return Error{ErrorCode::kInvalid, "the store refuses " + std::string(words[0]) + ": " + answer.message};
    }
    if (!is_refused && answer.kind != client::Answer::Kind::kUnreachable) {
      if (is_away_ && options_.on_outage) options_.on_outage({});
      is_away_ = false;
      return answer;
    }
    if (!is_away_ && options_.on_outage) options_.on_outage(answer.message);
    is_away_ = true;
    if (steady_clock::now() >= give_up) {
      return Error{ErrorCode::kUnavailable, "the store is away: " + answer.message};
    }
    std::this_thread::sleep_for(kStorePause);
  }
}

Result<std::vector<std::optional<std::string>>> TorcStore::read(std::span<const std::string> keys) {
  std::vector<std::optional<std::string>> values;
  for (size_t begin = 0; begin < keys.size(); begin += kKeysPerRead) {
    std::vector<std::string_view> words = {"MGET"};
    for (size_t i = begin; i < std::min(keys.size(), begin + kKeysPerRead); ++i) words.push_back(keys[i]);
    Result<client::Answer> answer = call(words);
    if (!answer) return answer.error();
    if (!answer->is_reply() || answer->reply.elements.size() != words.size() - 1) {
      return Error{ErrorCode::kUnavailable, "the store's answer to MGET makes no sense: " + answer->message};
    }
    for (wire::RespValue& element : answer->reply.elements) {
      values.push_back(element.is_nil() ? std::nullopt : std::optional(std::move(element.text)));
    }
  }
  return values;
}

Result<Changed> TorcStore::create(const std::string& key, std::string_view value, Lifetime lifetime) {
  std::vector<std::string_view> words = {"SET", key, value, "NX"};
  if (lifetime == Lifetime::kFirstDay) words.insert(words.end(), {"PX", kFirstDayMs});
  return changed_by(call(words));
}

Result<Changed> TorcStore::replace(const std::string& key, std::string_view expected, std::string_view value) {
  const std::string_view words[] = {"CAS", key, expected, value};
  return changed_by(call(words));
}

Status TorcStore::erase(std::span<const std::string> keys) {
  for (const std::string& key : keys) {
    const std::string_view words[] = {"DEL", key};
    // Whether it was there, and whether that is known, makes no difference to who wants it gone: once more is enough.
    for (int tries = 0; tries < 2; ++tries) {
      const Result<client::Answer> answer = call(words);
      if (!answer) return answer.error();
      if (answer->kind != client::Answer::Kind::kUnknown) break;
    }
  }
  return {};
}

}  // namespace torc::mapreduce
