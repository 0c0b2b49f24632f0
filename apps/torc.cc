// torc: server, client and tools in one program.
#include <cstdio>

#include "cli/cli.h"
#include "cli/exit_code.h"

int main(int argc, char** argv) {
  return torc::cli::run(argc, argv, [](const torc::cli::ServeOptions&) -> int {
    std::fputs("torc serve: this build has no server linked in\n", stderr);
    return torc::cli::kExitFailed;
  });
}
