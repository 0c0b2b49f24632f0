#include "server/large_pages.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/sanitized.h"
#include "server/start_again.h"

namespace torc::server {
namespace {

constexpr const char* kModeFile = "/sys/kernel/mm/transparent_hugepage/enabled";
constexpr const char* kVariable = "GLIBC_TUNABLES";

}  // namespace

void ask_for_large_pages() {
  if (kIsSanitized || std::getenv(kVariable) != nullptr) return;  // also the second time
  std::string modes;
  std::getline(std::ifstream(kModeFile), modes);
  if (modes.find("[madvise]") == std::string::npos) return;
  if (::setenv(kVariable, "glibc.malloc.hugetlb=1", 1) == 0) start_again();
}

}  // namespace torc::server
