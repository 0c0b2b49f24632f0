#include "lying_disk.h"

#include <utility>

namespace torc::canary {
namespace {

class LyingFile final : public env::File {
 public:
  LyingFile(std::unique_ptr<env::File> file, sim::Schedule schedule)
      : file_(std::move(file)), schedule_(std::move(schedule)) {}

  void write(uint64_t offset, std::vector<Bytes> chunks, bool sync, env::DiskCallback done) override {
    file_->write(offset, std::move(chunks), sync, [](const Status&) {});
    schedule_(Duration(0), [done = std::move(done)] { done(Status()); });
  }
  Result<std::string> read(uint64_t offset, size_t count) override { return file_->read(offset, count); }
  Result<uint64_t> size() override { return file_->size(); }

 private:
  std::unique_ptr<env::File> file_;
  sim::Schedule schedule_;
};

class LyingDisk final : public env::Disk {
 public:
  LyingDisk(env::Disk& disk, sim::Schedule schedule) : disk_(disk), schedule_(std::move(schedule)) {}

  Result<std::vector<std::string>> list() override { return disk_.list(); }
  Result<std::unique_ptr<env::File>> open(const std::string& name) override { return lie(disk_.open(name)); }
  void prepare(const std::string& name, uint64_t bytes, env::DiskCallback done) override {
    disk_.prepare(name, bytes, std::move(done));
  }
  Result<std::unique_ptr<env::File>> create(const std::string& name) override { return lie(disk_.create(name)); }
  Status replace(const std::string& name, std::string_view contents) override { return disk_.replace(name, contents); }
  Result<std::string> read_all(const std::string& name) override { return disk_.read_all(name); }
  Status remove(const std::string& name) override { return disk_.remove(name); }

 private:
  Result<std::unique_ptr<env::File>> lie(Result<std::unique_ptr<env::File>> file) {
    if (!file.ok()) return file.error();
    return std::unique_ptr<env::File>(std::make_unique<LyingFile>(*std::move(file), schedule_));
  }

  env::Disk& disk_;
  sim::Schedule schedule_;
};

}  // namespace

std::unique_ptr<env::Disk> make_lying_disk(env::Disk& disk, sim::Schedule schedule) {
  return std::make_unique<LyingDisk>(disk, std::move(schedule));
}

}  // namespace torc::canary
