#include "planted.h"

namespace torc::planted {

uint64_t active = 0;

const Bug* bug_of(std::string_view name) {
  for (size_t i = 0; i < kBugCount; ++i) {
    if (kBugs[i].name == name) return &kBugs[i];
  }
  return nullptr;
}

}  // namespace torc::planted
