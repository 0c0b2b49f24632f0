#include "cli/mapreduce_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace torc::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MapReduceLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "mapreduce");
  return parse_mapreduce("torc mapreduce", static_cast<int>(words.size()), words.data(), {"own"});
}

std::string refusal(std::vector<const char*> words) {
  const MapReduceLine line = parse(std::move(words));
  const auto* printed = std::get_if<Printed>(&line);
  return printed != nullptr && printed->exit_code == kExitUsage ? printed->text : "accepted";
}

std::vector<const char*> run_with(std::vector<const char*> more) {
  std::vector<const char*> words = {"run", "--map", "wc", "--reduce", "wc", "--inputs", "a", "b", "--output", "out/"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(MapReduceOptions, RunTakesWhatTheJobNeeds) {
  const MapReduceLine line = parse(run_with({"--reduces", "3", "--workers", "4", "--node", "h:1,2", "--memory", "256M",
                                             "--skip-bad-records", "7", "--no-backups", "--pattern", "x y"}));
  const auto& run = std::get<MapReduceRun>(line);
  EXPECT_EQ(run.spec.map, "wc");
  EXPECT_THAT(run.spec.inputs, ElementsAre("a", "b"));
  // Workers have other directories than who submits.
  EXPECT_EQ(run.spec.output, std::filesystem::current_path().string() + "/out");
  EXPECT_EQ(run.spec.directory, std::filesystem::current_path().string());
  EXPECT_EQ(run.spec.reduces, 3u);
  EXPECT_EQ(run.workers, 4u);
  EXPECT_EQ(run.common.nodes.size(), 2u);
  EXPECT_EQ(run.memory_bytes, 256u << 20);
  EXPECT_EQ(run.spec.skip_bad_records, 7u);
  EXPECT_FALSE(run.spec.has_backups);
  EXPECT_EQ(run.spec.arguments.at("pattern"), "x y");
  EXPECT_FALSE(run.is_local);
}

TEST(MapReduceOptions, TheOthersNameAJob) {
  EXPECT_TRUE(std::get<MapReduceRun>(parse({"resume", "j"})).is_resumed);
  EXPECT_EQ(std::get<MapReduceWorker>(parse({"worker"})).job, "");
  EXPECT_EQ(std::get<MapReduceWorker>(parse({"worker", "j", "--id", "00000000000000ff"})).id, mapreduce::WorkerId(255));
  EXPECT_EQ(std::get<MapReduceJob>(parse({"list"})).what, MapReduceJob::What::kList);
  EXPECT_EQ(std::get<MapReduceJob>(parse({"cancel", "j"})).what, MapReduceJob::What::kCancel);
  EXPECT_EQ(std::get<MapReduceJob>(parse({"remove", "j"})).job, "j");
}

TEST(MapReduceOptions, MistakesAreNamed) {
  EXPECT_THAT(refusal({}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"run"}), HasSubstr("is required"));
  EXPECT_THAT(refusal({"status"}), HasSubstr("job is required"));
  EXPECT_THAT(refusal(run_with({"--reduces", "0"})), HasSubstr("--reduces"));
  EXPECT_THAT(refusal(run_with({"--reduces", "10001"})), HasSubstr("--reduces"));
  EXPECT_EQ(refusal(run_with({"--reduces", "10000"})), "accepted");
  EXPECT_THAT(refusal(run_with({"--memory", "much"})), HasSubstr("--memory"));
  EXPECT_THAT(refusal(run_with({"--split-size", "0"})), HasSubstr("--split-size"));
  EXPECT_THAT(refusal(run_with({"--local", "--workers", "2"})), HasSubstr("--local"));
  EXPECT_THAT(refusal({"worker", "--id", "7"}), HasSubstr("--id"));
}

TEST(MapReduceOptions, HelpTellsTheProgramsOwnFunctionsAndTheBuiltIn) {
  const MapReduceLine line = parse({"--help"});
  EXPECT_EQ(std::get<Printed>(line).exit_code, kExitOk);
  EXPECT_THAT(std::get<Printed>(line).text, HasSubstr("own       this program's own"));
  EXPECT_THAT(std::get<Printed>(line).text, HasSubstr("keystats"));
}

TEST(MapReduceOptions, SizesHaveUnits) {
  EXPECT_EQ(*parse_size("1048576"), 1u << 20);
  EXPECT_EQ(*parse_size("64M"), 64u << 20);
  EXPECT_EQ(*parse_size("2G"), uint64_t{2} << 30);
  for (const char* text : {"", "M", "-1", "1.5G", "1T", "99999999999999999999", "9999999999999999G"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

}  // namespace
}  // namespace torc::cli
