#include "workload.h"

#include <array>
#include <chrono>
#include <iterator>
#include <sstream>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr size_t kMiB = 1u << 20;
constexpr size_t kKeyBytesMax = 65535;
constexpr size_t kValueBytesMax = 32 * kMiB;
constexpr Millis kPatience{60000};

/// Values are shared: a program that tests the memory of others should not need much itself.
const std::string& value_of(size_t bytes) {
  static const std::string longest(kValueBytesMax + 1, 'v');
  static const std::array<size_t, 12> sizes = {0,       1,    15,          100,      4096,       65536,
                                               100'000, kMiB, kMiB + 1000, 5 * kMiB, 20'900'000, kValueBytesMax};
  static const std::array<std::string, sizes.size()> values = [] {
    std::array<std::string, sizes.size()> made;
    for (size_t i = 0; i < sizes.size(); ++i) made[i] = longest.substr(0, sizes[i]);
    return made;
  }();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] >= bytes) return bytes > kValueBytesMax ? longest : values[i];
  }
  return longest;
}

std::string deadline_in(Millis time) {
  const auto at = std::chrono::system_clock::now() + time;
  return std::to_string(std::chrono::duration_cast<Millis>(at.time_since_epoch()).count());
}

}  // namespace

// ---- findings ----

void Findings::count(const Reply& reply) {
  static constexpr size_t kShown = 40;
  const std::string kind = reply.is_error() ? "-" + reply.text.substr(0, kShown) : "answers";
  const std::lock_guard lock(mutex_);
  ++counts_[kind];
}

void Findings::violate(const std::string& what) {
  const std::lock_guard lock(mutex_);
  violations_.push_back(what);
}

std::string Findings::text() const {
  const std::lock_guard lock(mutex_);
  std::ostringstream out;
  for (const auto& [kind, number] : counts_) out << "  " << number << " " << kind << "\n";
  return out.str();
}

std::vector<std::string> Findings::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

// ---- drawing ----

WorkloadClient::WorkloadClient(std::vector<Address> nodes, uint64_t seed, Findings& findings)
    : nodes_(std::move(nodes)), prng_(seed), findings_(findings) {}

void WorkloadClient::play() {
  using Episode = void (WorkloadClient::*)();
  static constexpr Episode kEpisodes[] = {
      &WorkloadClient::sizes,       &WorkloadClient::sizes,        &WorkloadClient::requests_near_the_limit,
      &WorkloadClient::pipeline,    &WorkloadClient::pipeline,     &WorkloadClient::pipeline,
      &WorkloadClient::growth,      &WorkloadClient::growth,       &WorkloadClient::equal_deadlines,
      &WorkloadClient::sessions,    &WorkloadClient::sessions,     &WorkloadClient::many_names,
      &WorkloadClient::never_reads, &WorkloadClient::reads_slowly, &WorkloadClient::half_a_command,
      &WorkloadClient::clears,      &WorkloadClient::clears,       &WorkloadClient::comes_and_goes,
  };
  (this->*kEpisodes[prng_.below(std::size(kEpisodes))])();
}

RespClient WorkloadClient::connect() { return RespClient::connect(nodes_[prng_.below(nodes_.size())], kPatience); }

/// Few, so that clients meet; now and then as long as a key may be.
std::string WorkloadClient::key() {
  std::string name = "w" + std::to_string(prng_.below(40));
  if (prng_.chance(1, 20)) name.resize(kKeyBytesMax, 'k');
  return name;
}

const std::string& WorkloadClient::value() {
  if (prng_.chance(1, 12)) return value_of(prng_.between(kMiB, kValueBytesMax));
  return value_of(prng_.chance(1, 2) ? prng_.below(200) : prng_.below(100'000));
}

WorkloadClient::Words WorkloadClient::command() {
  switch (prng_.below(14)) {
    case 0:
      return {"GET", key()};
    case 1:
      return {"SET", key(), value()};
    case 2:
      return {"SET", key(), value(), "GET", "PX", std::to_string(prng_.between(1, 3000))};
    case 3:
      return {"APPEND", key(), value()};
    case 4:
      return {"GETDEL", key()};
    case 5:
      return {"GETSET", key(), value()};
    case 6:
      return {"GETEX", key(), "PX", std::to_string(prng_.between(1, 3000))};
    case 7:
      return {"SETRANGE", key(), std::to_string(prng_.below(kValueBytesMax)), "x"};
    case 8:
      return {"INCR", "n" + key()};
    case 9:
      return {"MGET", key(), key(), key()};
    case 10:
      return {"DEL", key(), key()};
    case 11:
      return {"STRLEN", key()};
    case 12:
      return {"GETRANGE", key(), "0", std::to_string(prng_.below(100'000))};
    default:
      return {"CASVERSION", key(), std::to_string(prng_.below(100)), value()};
  }
}

void WorkloadClient::converse(RespClient& client, const std::vector<Words>& commands) {
  std::string bytes;
  for (const Words& words : commands) bytes += RespClient::encode(words);
  if (!client.send_bytes(bytes)) return;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto reply = client.receive();
    if (!reply) return;  // closed: a limit of this client's own
    findings_.count(*reply);
  }
}

void WorkloadClient::expect(RespClient& client, const Words& words, const std::string& error) {
  const auto reply = client.call(words);
  if (!reply) return;
  findings_.count(*reply);
  // What others do may cost a leader its leadership where the machine is slow; whether this one was executed is then
  // not known.
  const bool is_passing =
      reply->is_error() &&
      (reply->text.starts_with("OOM") || reply->text.starts_with("TRYAGAIN") || reply->text.starts_with("UNKNOWN") ||
       reply->text.starts_with("CLUSTERDOWN") || reply->text.starts_with("ERR too many"));
  if (is_passing) return;
  const bool is_as_expected = error.empty() ? !reply->is_error() : reply->is_error() && reply->text.starts_with(error);
  if (!is_as_expected) findings_.violate(words[0] + ": " + reply->text.substr(0, 100) + ", expected: " + error);
}

// ---- episodes ----

void WorkloadClient::sizes() {
  RespClient client = connect();
  const std::string longest(kKeyBytesMax, 'k');
  switch (prng_.below(6)) {
    case 0:
      return expect(client, {"SET", longest, value()}, "");
    case 1:
      return expect(client, {"SET", longest + "k", "v"}, "ERR key exceeds");
    case 2:
      return expect(client, {"SET", key(), value_of(kValueBytesMax)}, "");
    case 3:  // one past it is refused by the protocol, and the connection ends
      return expect(client, {"SET", key(), value_of(kValueBytesMax + 1)}, "ERR Protocol error: invalid bulk length");
    case 4:
      return expect(client, {"SETRANGE", key(), std::to_string(kValueBytesMax), "x"}, "ERR string exceeds");
    default:
      return expect(client, {"SETRANGE", key(), std::to_string(kValueBytesMax - 1), "x"}, "");
  }
}

void WorkloadClient::requests_near_the_limit() {
  RespClient client = connect();
  const std::string& half = value_of(20'900'000);
  if (prng_.chance(1, 4)) {
    return expect(client, {"MSET", key(), half, key(), half + std::string(200'000, 'x')},
                  "ERR Protocol error: too big request");
  }
  expect(client, {prng_.chance(1, 2) ? "MSET" : "MSETNX", "w1", half, "w2", half}, "");
}

void WorkloadClient::equal_deadlines() {
  RespClient client = connect();
  const std::string deadline = deadline_in(Millis(prng_.between(500, 3000)));
  const size_t key_bytes = prng_.chance(1, 2) ? 65'000 : 20;
  const uint64_t keys = key_bytes > 100 ? prng_.between(50, 400) : prng_.between(1000, 5000);
  std::vector<Words> commands;
  for (uint64_t i = 0; i < keys; ++i) {
    std::string name = "d" + std::to_string(prng_.next() % 100'000);
    name.resize(key_bytes, 'd');
    commands.push_back({"SET", name, "v", "PXAT", deadline});
    if (commands.size() < 100) continue;
    converse(client, commands);
    commands.clear();
  }
  converse(client, commands);
}

void WorkloadClient::pipeline() {
  RespClient client = connect();
  std::vector<Words> commands;
  size_t bytes = 0;
  for (uint64_t left = prng_.between(1, 300); left > 0 && bytes < 40 * kMiB; --left) {
    commands.push_back(command());
    for (const std::string& word : commands.back()) bytes += word.size();
    // What is sent while nobody reads must fit into sockets: the node stops reading when much waits to be read.
    if (bytes < 100'000) continue;
    converse(client, commands);
    commands.clear();
    bytes = 0;
  }
  converse(client, commands);
}

void WorkloadClient::growth() {
  RespClient client = connect();
  std::vector<Words> commands;
  const uint64_t count = prng_.between(10, 1500);
  const bool is_far = prng_.chance(1, 2);
  for (uint64_t i = 0; i < count; ++i) {
    const std::string name = "g" + std::to_string(prng_.below(is_far ? 2000 : 20));
    if (is_far) {
      commands.push_back({"SETRANGE", name, std::to_string(prng_.between(1000, kValueBytesMax - 1)), "x"});
    } else {
      commands.push_back({"APPEND", name, "some more of it"});
    }
  }
  converse(client, commands);
}

void WorkloadClient::sessions() {
  RespClient client = connect();
  const auto opened = client.call({"TORC.SESSION", "NEW"});
  if (!opened || opened->is_error()) return;
  const std::string& session = opened->text;
  const bool raises_floor = prng_.chance(1, 2);
  const uint64_t calls = prng_.chance(1, 10) ? 17'000 : prng_.between(1, 60);
  std::vector<Words> commands;
  for (uint64_t i = 1; i <= calls; ++i) {
    const bool is_repeated = prng_.chance(1, 5);
    const std::string sequence = std::to_string(is_repeated ? prng_.between(1, i) : i);
    Words words = {"TORC.CALL", session, sequence, raises_floor ? sequence : "0", is_repeated ? "2" : "1"};
    if (calls > 100) {
      words.insert(words.end(), {"INCR", "n"});
    } else if (prng_.chance(1, 4)) {
      words.insert(words.end(), {"SET", key(), value(), "GET"});
    } else {
      words.insert(words.end(), {prng_.chance(1, 2) ? "GETDEL" : "GETEX", key()});
    }
    commands.push_back(std::move(words));
    if (commands.size() < (calls > 100 ? 500u : 4u)) continue;
    converse(client, commands);
    commands.clear();
  }
  converse(client, commands);
}

void WorkloadClient::many_names() {
  RespClient client = connect();
  Words words{prng_.chance(1, 2) ? "MGET" : "EXISTS"};
  const std::string name = key();
  for (uint64_t left = prng_.between(1000, 20'000); left > 0; --left) words.push_back(left % 3 == 0 ? "w1" : name);
  converse(client, {words});
  converse(client, {{"COMMAND"}, {"CONFIG", "GET", "*"}, {"CLIENT", "LIST"}});
}

void WorkloadClient::never_reads() {
  RespClient client = connect();
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    bytes += RespClient::encode({prng_.chance(1, 2) ? "GET" : "GETEX", "w" + std::to_string(prng_.below(40))});
  }
  client.send_without_waiting(bytes);
  sleep_for(Millis(prng_.between(10, 2000)));
}

void WorkloadClient::reads_slowly() {
  RespClient client = connect();
  std::string bytes;
  const uint64_t count = prng_.between(3, 20);
  for (uint64_t i = 0; i < count; ++i) bytes += RespClient::encode({"GET", "w" + std::to_string(prng_.below(40))});
  client.send_without_waiting(bytes);
  for (uint64_t i = 0; i < count; ++i) {
    sleep_for(Millis(prng_.between(1, 100)));
    const auto reply = client.receive();
    if (!reply) return;
    findings_.count(*reply);
  }
}

void WorkloadClient::half_a_command() {
  RespClient client = connect();
  const std::string whole = RespClient::encode({"SET", key(), value(), "NX"});
  const size_t sent = prng_.below(whole.size());
  client.send_without_waiting(std::string_view(whole).substr(0, sent));
  if (prng_.chance(1, 3)) client.send_without_waiting("*1000000\r\n$33554432\r\n");
  sleep_for(Millis(prng_.between(1, 1500)));
}

void WorkloadClient::comes_and_goes() {
  std::vector<RespClient> clients;
  for (uint64_t left = prng_.between(10, 200); left > 0; --left) {
    clients.push_back(connect());
    clients.back().send_without_waiting(RespClient::encode(command()));
    if (prng_.chance(1, 4)) clients.erase(clients.begin());
  }
}

/// Otherwise the memory is full for good.
void WorkloadClient::clears() {
  RespClient client = connect();
  if (prng_.chance(1, 3)) return expect(client, {"FLUSHALL"}, "");
  Words words{"DEL"};
  for (int i = 0; i < 2000; ++i) words.push_back((i % 2 == 0 ? "g" : "w") + std::to_string(i / 2));
  expect(client, words, "");
}

}  // namespace torc::integration
