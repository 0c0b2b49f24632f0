// What a person reads of a campaign: figures at its end, a bar while it goes on.
#pragma once

#include <string>

#include "sim/campaign.h"

namespace torc::sim {

const char* name_of(CampaignEnd end);

/// Several lines. `cpu_seconds`: of all workers together.
std::string figures(const CampaignReport& report, double real_seconds, double cpu_seconds);

/// One line without its end, for a terminal. Requires: seeds > 0.
std::string progress_bar(const CampaignReport& so_far, uint64_t seeds, double real_seconds);

}  // namespace torc::sim
