#include "host/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <utility>

#include "base/check.h"

namespace torc::host {
namespace {

using testing::StartsWith;

struct Pipe {
  Pipe() {
    signal(SIGPIPE, SIG_IGN);  // as the server does
    CHECK(pipe(ends) == 0);
  }
  ~Pipe() {
    for (const int fd : ends) {
      if (fd >= 0) close(fd);
    }
  }
  void close_reader() { close(std::exchange(ends[0], -1)); }
  /// Reads until `wanted` has arrived.
  std::string read_through(const std::string& wanted) const {
    std::string all;
    char buffer[65536];
    while (all.find(wanted) == std::string::npos) {
      const ssize_t count = read(ends[0], buffer, sizeof buffer);
      if (count <= 0) break;
      all.append(buffer, static_cast<size_t>(count));
    }
    return all;
  }
  int writer() const { return ends[1]; }

  int ends[2] = {-1, -1};
};

std::string line(int number) { return std::to_string(number) + std::string(100, '.') + "\n"; }

TEST(LineWriter, WritesWhatItIsGivenInOrder) {
  Pipe pipe;
  LineWriter writer(pipe.writer());
  for (int i = 0; i < 3; ++i) writer.write(std::to_string(i) + "\n");
  EXPECT_TRUE(writer.flush(std::chrono::seconds(20)));
  EXPECT_EQ(pipe.read_through("2\n"), "0\n1\n2\n");
}

// A pipe holds 64 KiB, the writer 4,000 bytes more: the rest is counted, and nothing here waits for a reader.
TEST(LineWriter, AFullPipeHoldsNobodyUpAndTheLossIsToldOnceItIsRead) {
  Pipe pipe;
  LineWriter writer(pipe.writer(), 4'000);
  constexpr int kLines = 5'000;
  for (int i = 0; i < kLines; ++i) {
    writer.write(line(i));
    if (i % 30 == 0) writer.flush(std::chrono::milliseconds(1));  // the pipe is to be full, not only the queue
  }
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(1)));
  std::string read;
  std::thread reader([&] { read = pipe.read_through("after\n"); });
  EXPECT_TRUE(writer.flush(std::chrono::seconds(20)));
  writer.write("after\n");
  reader.join();
  EXPECT_THAT(read, StartsWith(line(0) + line(1)));
  int arrived = 0;
  int lost = 0;
  for (size_t at = 0; at < read.size();) {
    const size_t end = read.find('\n', at);
    if (read[at] == '(') {
      lost += std::stoi(read.substr(at + 1));
    } else {
      ++arrived;
    }
    at = end + 1;
  }
  EXPECT_EQ(arrived + lost, kLines + 1);
  EXPECT_GT(lost, 0);
}

TEST(LineWriter, AClosedReaderEndsNothing) {
  Pipe pipe;
  pipe.close_reader();
  LineWriter writer(pipe.writer());
  for (int i = 0; i < 3; ++i) {
    writer.write("nobody reads this\n");
    EXPECT_TRUE(writer.flush(std::chrono::seconds(20)));
  }
}

TEST(LineWriter, EndsWithoutAReaderThatNeverComes) {
  auto pipe = std::make_unique<Pipe>();
  const auto begin = std::chrono::steady_clock::now();
  {
    LineWriter writer(pipe->writer());
    writer.write(std::string(1u << 19, 'x') + "\n");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  pipe->close_reader();  // the thread's write ends
}

TEST(LineWriter, AFullDeviceLosesLinesAndNothingElse) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    LineWriter writer(full);
    writer.write("lost\n");
    EXPECT_TRUE(writer.flush(std::chrono::seconds(20)));
  }
  close(full);
}

}  // namespace
}  // namespace torc::host
