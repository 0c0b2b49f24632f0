// Does to files what its arguments say, then dies by SIGKILL: what power_loss_test.cc looks at the preloaded library
// with. Each argument is one step: "write NAME OFFSET LETTER COUNT", "sync NAME", ...; names are below the current
// directory.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Words = std::vector<std::string>;

int open_for_writing(const std::string& name, int flags = 0) {
  return ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
}

bool write_letters(const Words& words, int flags) {
  const int fd = open_for_writing(words[1], flags);
  const std::string bytes(std::stoul(words[4]), words[3][0]);
  const bool is_written = ::pwrite(fd, bytes.data(), bytes.size(), std::stol(words[2])) == std::stol(words[4]);
  return ::close(fd) == 0 && is_written;
}

bool with_open(const std::string& name, int flags, const std::function<int(int)>& work) {
  const int fd = ::open(name.c_str(), flags | O_CLOEXEC);
  return fd >= 0 && work(fd) == 0 && ::close(fd) == 0;
}

/// Four threads, each of which overwrites a file of its own again and again and syncs it every time but the last.
bool many_threads(const Words& words) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&words, i] {
      const int fd = open_for_writing(words[1] + std::to_string(i));
      for (int round = 0; round < 200; ++round) {
        const std::string bytes(10'000, static_cast<char>('a' + round % 26));
        if (::pwrite(fd, bytes.data(), bytes.size(), 0) != 10'000) std::abort();
        if (round < 199 && ::fdatasync(fd) != 0) std::abort();
      }
      ::close(fd);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return true;
}

const std::map<std::string, std::function<bool(const Words&)>> kSteps = {
    {"write", [](const Words& w) { return write_letters(w, 0); }},
    {"write-through", [](const Words& w) { return write_letters(w, O_DSYNC); }},
    {"sync", [](const Words& w) { return with_open(w[1], O_RDONLY, ::fdatasync); }},
    {"sync-range",
     [](const Words& w) {
       return with_open(w[1], O_RDWR, [](int fd) { return ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); });
     }},
    {"sync-directory", [](const Words& w) { return with_open(w[1], O_RDONLY | O_DIRECTORY, ::fsync); }},
    {"truncate", [](const Words& w) { return ::truncate(w[1].c_str(), std::stol(w[2])) == 0; }},
    {"empty", [](const Words& w) { return ::close(open_for_writing(w[1], O_TRUNC)) == 0; }},
    {"rename", [](const Words& w) { return ::rename(w[1].c_str(), w[2].c_str()) == 0; }},
    {"link", [](const Words& w) { return ::link(w[1].c_str(), w[2].c_str()) == 0; }},
    {"unlink", [](const Words& w) { return ::unlink(w[1].c_str()) == 0; }},
    {"mkdir", [](const Words& w) { return ::mkdir(w[1].c_str(), 0755) == 0; }},
    {"wait", [](const Words& w) { return ::usleep(static_cast<useconds_t>(std::stoul(w[1])) * 1000) == 0; }},
    {"threads", many_threads},
};

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::istringstream text(argv[i]);
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    if (!kSteps.at(words.at(0))(words)) {
      std::perror(argv[i]);
      return 1;
    }
  }
  ::kill(::getpid(), SIGKILL);
}
