// torc: server, client and tools in one program.
#include "cli/cli.h"
#include "server/run_server.h"
#include "server/salvage.h"

int main(int argc, char** argv) {
  return torc::cli::run(argc, argv, torc::server::run_server, torc::server::run_salvage);
}
