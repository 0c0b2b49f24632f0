#include "nemesis.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include "check/checker.h"
#include "check/drawing.h"
#include "check/history_format.h"
#include "library_speaker.h"

namespace torc::integration {

uint64_t Nemesis::setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string Nemesis::keep(const check::History& history, const std::string& name) {
  const std::string path = built_program("../" + name + ".history.jsonl");
  const Result<std::string> text = check::format_history(history);
  EXPECT_TRUE(text.ok());
  if (text.ok()) std::ofstream(path, std::ios::binary) << text.value();
  return path;
}

Nemesis::Nemesis() : seed_(setting("TORC_NEMESIS_SEED", std::random_device()())) {
  std::cout << "again: TORC_NEMESIS_SEED=" << seed_ << std::endl;
}

std::chrono::seconds Nemesis::length(uint64_t otherwise_seconds) {
  return std::chrono::seconds(setting("TORC_NEMESIS_SECONDS", otherwise_seconds));
}

RecordedWorkload Nemesis::start_workload(Cluster& cluster, const std::string& key_prefix) {
  std::vector<std::unique_ptr<Speaker>> speakers;
  for (size_t i = 0; i < kClients; ++i) {
    if (i % 2 == 0) {
      speakers.push_back(std::make_unique<RespSpeaker>(cluster.addresses(), i));
    } else {
      speakers.push_back(std::make_unique<LibrarySpeaker>(cluster.addresses(), i));
    }
  }
  return RecordedWorkload({.key_prefix = key_prefix, .seed = seed_}, std::move(speakers));
}

bool Nemesis::makes_progress(const RecordedWorkload& workload, Millis patience) {
  const uint64_t before = workload.answered_count();
  return holds_within(patience, [&] { return workload.answered_count() > before + kClients; });
}

void Nemesis::expect_progress(const RecordedWorkload& workload, const std::string& fault) {
  EXPECT_TRUE(makes_progress(workload)) << "nobody is answered any more after: " << fault;
}

void Nemesis::judge(RecordedWorkload& workload, const std::string& name) {
  const check::History history = workload.stop();
  std::cout << history.size() << " operations, " << workload.answered_count() << " answered\n";
  judge(history, name);
}

void Nemesis::judge(const check::History& history, const std::string& name) {
  const std::string path = keep(history, name);
  const Result<check::Report> report = check::check_history(history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  if (report.value().verdict == check::Verdict::kNotLinearizable) {
    ADD_FAILURE() << "not linearizable; torc check " << path << "\n" << check::draw(history, *report.value().violation);
  }
  EXPECT_EQ(report.value().verdict, check::Verdict::kLinearizable) << path;
  const CommandResult said = run_command({built_program("torc"), "check", path}, path + ".out", Millis(120000));
  EXPECT_EQ(said.exit_status, 0) << said.output;
}

}  // namespace torc::integration
