// Rows of words as aligned columns.
#pragma once

#include <string>
#include <vector>

namespace torc::cli {

struct Column {
  std::string title;
  bool is_number = false;  // aligned to the right
};

/// One line per row below a line of titles; columns two spaces apart, no spaces at line ends.
/// Requires: every row has one cell per column.
std::string format_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows);

}  // namespace torc::cli
