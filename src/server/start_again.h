// A process that begins anew without ending.
#pragma once

namespace torc::server {

/// Runs this program again, with the same arguments, in this process: nothing of it is flushed, closed in order or told
/// to anybody. Returns only if that is not possible.
void start_again();

}  // namespace torc::server
