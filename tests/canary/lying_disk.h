// A planted bug: a disk that says "durable" before it is. With it in between, a node sends its replies before the
// fsync.
#pragma once

#include <memory>

#include "env/disk.h"
#include "sim/schedule.h"

namespace torc::canary {

/// Passes everything on to `disk`, but completes each synced write at once and drops the true completion.
std::unique_ptr<env::Disk> make_lying_disk(env::Disk& disk, sim::Schedule schedule);

}  // namespace torc::canary
